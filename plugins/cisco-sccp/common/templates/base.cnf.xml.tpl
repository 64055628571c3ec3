<?xml version="1.0" encoding="UTF-8"?>
<!-- {{ device_name }} -->
<device>
  <deviceProtocol>SCCP</deviceProtocol>
  {% block accounts %}
  <sshUserId>{{ ssh.name if ssh }}</sshUserId>
  <sshPassword>{{ ssh.password if ssh }}</sshPassword>
  {% endblock %}
  <devicePool>
    {% block clock %}
    <dateTimeSetting>
      <dateTemplate>{{ clock.date_template }}</dateTemplate>
      <timeZone>{{ clock.zone }}</timeZone>
      <ntps>
        {% if clock.server %}
        <ntp>
          <name>{{ clock.server }}</name>
          <ntpMode>Unicast</ntpMode>
        </ntp>
        {% endif %}
      </ntps>
    </dateTimeSetting>
    {% endblock %}
    {% block call_managers %}
    <callManagerGroup>
      <members>
        {% for manager in call_managers %}
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
    <srstInfo>
      <srstOption>Disable</srstOption>
    </srstInfo>
    {% endblock %}
  </devicePool>
  <commonProfile>
    <phonePassword>{{ password }}</phonePassword>
    <backgroundImageAccess>true</backgroundImageAccess>
    <callLogBlfEnabled>2</callLogBlfEnabled>
  </commonProfile>
  {% block firmware %}
  <loadInformation>{{ load }}</loadInformation>
  {% endblock %}
  <vendorConfig>
    {% block vendor_config %}
    <settingsAccess>1</settingsAccess>
    <webAccess>0</webAccess>
    <sshAccess>{{ 0 if ssh else 1 }}</sshAccess>
    <disableSpeaker>false</disableSpeaker>
    <disableSpeakerAndHeadset>false</disableSpeakerAndHeadset>
    <enableGroupListen>true</enableGroupListen>
    <pcPort>0</pcPort>
    <garp>1</garp>
    <voiceVlanAccess>0</voiceVlanAccess>
    <spanToPCPort>1</spanToPCPort>
    <loggingDisplay>1</loggingDisplay>
    {% if vlan %}
    <adminVlanId>{{ vlan.id }}</adminVlanId>
    {% if vlan.pc_port is not none %}
    <pcPortVlanId>{{ vlan.pc_port }}</pcPortVlanId>
    {% endif %}
    {% endif %}
    {% if syslog %}
    <logServer>{{ syslog }}</logServer>
    {% endif %}
    {% endblock %}
  </vendorConfig>
  <versionStamp>{{ version }}</versionStamp>
  {% block locale %}
  {% if language %}
  <userLocale>
    <name>{{ language.name }}</name>
    <langCode>{{ language.code }}</langCode>
    <winCharSet>{{ charset }}</winCharSet>
  </userLocale>
  {% endif %}
  {% if tones %}
  <networkLocale>{{ tones }}</networkLocale>
  <networkLocaleInfo>
    <name>{{ tones }}</name>
  </networkLocaleInfo>
  {% endif %}
  {% endblock %}
  <deviceSecurityMode>1</deviceSecurityMode>
  {% block services %}
  <idleTimeout>0</idleTimeout>
  <authenticationURL></authenticationURL>
  <directoryURL>{{ directory_url }}</directoryURL>
  <idleURL></idleURL>
  <informationURL></informationURL>
  <messagesURL></messagesURL>
  <proxyServerURL></proxyServerURL>
  <servicesURL></servicesURL>
  {% endblock %}
  <dscpForSCCPPhoneConfig>96</dscpForSCCPPhoneConfig>
  <dscpForSCCPPhoneServices>0</dscpForSCCPPhoneServices>
  <dscpForCm2Dvce>96</dscpForCm2Dvce>
  <capfAuthMode>0</capfAuthMode>
  <encrConfig>false</encrConfig>
  {% block suffix %}
  {% endblock %}
</device>
