<?xml version="1.0" encoding="UTF-8"?>
<settings>
  <phone-settings e="2">
    {% block server %}
    <setting_server perm="RW">{{ setting_server }}</setting_server>
    {% endblock %}
    {% block accounts %}
    {% if accounts.admin_username %}
    <http_user perm="R">{{ accounts.admin_username }}</http_user>
    {% endif %}
    {% if accounts.admin_password %}
    <http_pass perm="R">{{ accounts.admin_password }}</http_pass>
    <admin_mode_password perm="R">{{ accounts.admin_password }}</admin_mode_password>
    <admin_mode_password_confirm perm="R">{{ accounts.admin_password }}</admin_mode_password_confirm>
    {% endif %}
    {% if has_web_accounts %}
    {% for account, who in (("admin_username", "admin_name"), ("admin_password", "admin_password"),
                            ("user_username", "user_name"), ("user_password", "user_password")) %}
    {% if accounts[account] %}
    <webserver_{{ who }} perm="R">{{ accounts[account] }}</webserver_{{ who }}>
    {% endif %}
    {% endfor %}
    {% endif %}
    {% endblock %}
    {% block network %}
    {% if network.vlan %}
    <vlan_id perm="R">{{ network.vlan.id }}</vlan_id>
    <vlan_qos perm="R">{{ network.vlan.priority }}</vlan_qos>
    {% if network.vlan.pc_port is not none %}
    <vlan_pc_id perm="R">{{ network.vlan.pc_port }}</vlan_pc_id>
    {% endif %}
    {% else %}
    <vlan_id perm="R"></vlan_id>
    <vlan_qos perm="R"></vlan_qos>
    {% endif %}
    {% if network.syslog %}
    <syslog_server perm="R">{{ network.syslog.server }}</syslog_server>
    <log_level perm="R">{{ network.syslog.level }}</log_level>
    {% else %}
    <syslog_server perm="R"></syslog_server>
    {% endif %}
    {% endblock %}
    {% block clock %}
    {% if clock.server is not none %}
    <ntp_server perm="R">{{ clock.server }}</ntp_server>
    {% endif %}
    {% if clock.zone %}
    <timezone perm="R"></timezone>
    <utc_offset perm="R">{{ clock.zone.offset }}</utc_offset>
    <dst perm="R">{{ clock.zone.daylight }}</dst>
    {% endif %}
    {% endblock %}
    {% block locale %}
    {% if locale %}
    <language perm="R">{{ locale.language }}</language>
    <web_language perm="R">{{ locale.language }}</web_language>
    {% if locale.tones %}
    <tone_scheme perm="R">{{ locale.tones }}</tone_scheme>
    {% endif %}
    <time_24_format perm="R">{{ locale.time_24_format }}</time_24_format>
    <date_us_format perm="R">{{ locale.date_us_format }}</date_us_format>
    {% endif %}
    {% endblock %}
    {% block identities %}
    {% for identity in identities %}
    {% set index = 'idx="%d" perm="R"' | safe | format(identity.number) %}
    <user_active {{ index }}>on</user_active>
    <user_name {{ index }}>{{ identity.username }}</user_name>
    <user_pname {{ index }}>{{ identity.auth_username }}</user_pname>
    <user_pass {{ index }}>{{ identity.password }}</user_pass>
    <user_realname {{ index }}>{{ identity.display_name }}</user_realname>
    <user_idle_text {{ index }}>{{ identity.display_name }}</user_idle_text>
    <user_idle_number {{ index }}>{{ identity.extension }}</user_idle_number>
    <user_host {{ index }}>{{ identity.host }}</user_host>
    <user_outbound {{ index }}>{{ identity.outbound }}</user_outbound>
    <user_srtp {{ index }}>{{ identity.srtp }}</user_srtp>
    <user_savp {{ index }}>{{ identity.savp }}</user_savp>
    <user_dtmf_info {{ index }}>{{ identity.dtmf_info }}</user_dtmf_info>
    <codec_priority_list {{ index }}>{{ identity.codecs }}</codec_priority_list>
    <user_mailbox {{ index }}>{{ identity.mailbox }}</user_mailbox>
    {% if identity.failover %}
    <user_failover_identity {{ index }}>{{ identity.failover }}</user_failover_identity>
    {% endif %}
    {% if identity.is_backup %}
    <hide_identity {{ index }}>true</hide_identity>
    {% endif %}
    {% endfor %}
    {% for number in unused_identities %}
    <user_active idx="{{ number }}" perm="R">off</user_active>
    {% endfor %}
    {% endblock %}
    {% block features %}
    {% for name, code in codes.items() %}
    <{{ name }} perm="R">{{ code }}</{{ name }}>
    {% endfor %}
    {% if voicemail_key %}
    <dkey_retrieve perm="R">speed {{ voicemail_key }}</dkey_retrieve>
    {% endif %}
    {% if phonebook_url %}
    <dkey_directory perm="R">url {{ phonebook_url }}</dkey_directory>
    {% endif %}
    <call_waiting perm="R">{{ call_waiting }}</call_waiting>
    {% endblock %}
    {% block suffix %}
    {% endblock %}
  </phone-settings>
  {% if keys %}
  <functionKeys e="2">
    {% block keys %}
    {% for key in keys %}
    {% if has_short_labels %}
    <fkey idx="{{ key.number }}" context="{{ key.context }}" label="{{ key.label }}" short_label="{{ key.label }}" perm="R">{{ key.value }}</fkey>
    {% else %}
    <fkey idx="{{ key.number }}" context="{{ key.context }}" label="{{ key.label }}" perm="R">{{ key.value }}</fkey>
    {% endif %}
    {% endfor %}
    {% endblock %}
  </functionKeys>
  {% endif %}
  {% if certificates or certificate_urls %}
  <certificates>
    {% for body in certificates %}
    <certificate type="base64">{{ body }}</certificate>
    {% endfor %}
    {% for url in certificate_urls %}
    <certificate url="{{ url }}"/>
    {% endfor %}
  </certificates>
  {% endif %}
</settings>
