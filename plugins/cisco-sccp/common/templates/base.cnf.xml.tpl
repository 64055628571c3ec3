<?xml version="1.0" encoding="UTF-8"?>
<device>
  <deviceProtocol>SCCP</deviceProtocol>
  <sshUserId>{{ user_username }}</sshUserId>
  <sshPassword>{{ user_password }}</sshPassword>
  <devicePool>
    <dateTimeSetting>
      <dateTemplate>{% if language.code == "en" %}M/D/YA{% else %}D/M/Y{% endif %}</dateTemplate>
      <timeZone>{{ zone }}</timeZone>
{% if ntp_ip %}
      <ntps>
        <ntp>
          <name>{{ ntp_ip }}</name>
          <ntpMode>Unicast</ntpMode>
        </ntp>
      </ntps>
{% endif %}
    </dateTimeSetting>
    <callManagerGroup>
      <members>
{% for manager in managers %}
        <member priority="{{ manager.priority }}">
          <callManager>
            <ports>
              <ethernetPhonePort>{{ manager.port }}</ethernetPhonePort>
            </ports>
            <processNodeName>{{ manager.ip }}</processNodeName>
          </callManager>
        </member>
{% endfor %}
      </members>
    </callManagerGroup>
  </devicePool>
  <commonProfile>
    <phonePassword>{{ admin_password }}</phonePassword>
    <callLogBlfEnabled>2</callLogBlfEnabled>
  </commonProfile>
  <versionStamp>{{ version_stamp }}</versionStamp>
  <loadInformation>{{ load }}</loadInformation>
  <vendorConfig>
    <settingsAccess>1</settingsAccess>
    <webAccess>0</webAccess>
    <sshAccess>{% if user_username %}0{% else %}1{% endif %}</sshAccess>
    <pcPort>0</pcPort>
    <garp>1</garp>
    <voiceVlanAccess>0</voiceVlanAccess>
    <spanToPCPort>1</spanToPCPort>
{% if vlan_id != "" %}
    <adminVlanId>{{ vlan_id }}</adminVlanId>
{% endif %}
{% if pc_vlan_id != "" %}
    <pcPortVlanId>{{ pc_vlan_id }}</pcPortVlanId>
{% endif %}
{% if syslog_ip %}
    <logServer>{{ syslog_ip }}</logServer>
{% endif %}
  </vendorConfig>
  <userLocale>
    <name>{{ language.name }}</name>
    <langCode>{{ language.code }}</langCode>
    <winCharSet>utf-8</winCharSet>
  </userLocale>
  <networkLocale>{{ language.tones }}</networkLocale>
  <networkLocaleInfo>
    <name>{{ language.tones }}</name>
  </networkLocaleInfo>
  <idleTimeout>0</idleTimeout>
  <authenticationURL></authenticationURL>
  <directoryURL>{{ directory_url }}</directoryURL>
  <idleURL></idleURL>
  <informationURL></informationURL>
  <messagesURL></messagesURL>
  <messagesNumber>{{ voicemail }}</messagesNumber>
  <proxyServerURL></proxyServerURL>
  <servicesURL></servicesURL>
</device>
