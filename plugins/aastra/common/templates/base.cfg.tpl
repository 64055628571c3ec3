# Made by the provisioning server; changes on the server go into var/templates.
{% block passwords %}
{% if passwords.admin %}
admin password: {{ passwords.admin }}
{% endif %}
{% if passwords.user %}
user password: {{ passwords.user }}
{% endif %}
{% endblock %}
{% block network %}
{% if network.vlan %}
tagging enabled: 1
vlan id: {{ network.vlan.id }}
{% if network.vlan.priority is not none %}
priority non-ip: {{ network.vlan.priority }}
tos priority map: (26,{{ network.vlan.priority }})(46,{{ network.vlan.priority }})
{% endif %}
{% if network.vlan.pc_port is not none %}
vlan id port 1: {{ network.vlan.pc_port }}
{% endif %}
{% else %}
tagging enabled: 0
{% endif %}
{% if network.syslog %}
log server ip: {{ network.syslog.ip }}
log server port: {{ network.syslog.port }}
{% for module in ("linemgr", "user interface", "misc", "sip", "ept", "net", "provis", "rtpt", "xml") %}
log module {{ module }}: {{ network.syslog.level }}
{% endfor %}
{% endif %}
{% endblock %}
{% block clock %}
{% if clock.server %}
time server disabled: 0
time server1: {{ clock.server }}
{% elif clock.server is not none %}
time server disabled: 1
{% endif %}
{% if clock.zone %}
time zone name: Custom
time zone minutes: {{ clock.zone.minutes }}
{% if clock.zone.daylight %}
dst config: 3
dst minutes: {{ clock.zone.daylight.minutes }}
dst [start|end] relative date: {{ clock.zone.daylight.relative }}
{% for edge in ("start", "end") %}
{% for part, value in clock.zone.daylight[edge].items() %}
dst {{ edge }} {{ part }}: {{ value }}
{% endfor %}
{% endfor %}
{% else %}
dst config: 0
{% endif %}
{% endif %}
{% endblock %}
{% block locale %}
{% if locale %}
{% if locale.language_url %}
language 1: {{ locale.language_url }}
language: 1
web language: 1
{% else %}
language: 0
web language: 0
{% endif %}
input language: {{ locale.input_language }}
tone set: {{ locale.tone_set }}
time format: {{ locale.time_format }}
{% endif %}
{% endblock %}
{% block sip %}
sip transport protocol: {{ sip.transport }}
{% if sip.transport == 4 %}
sips persistent tls: {{ 1 if tls.persistent else 0 }}
{% if tls.outbound %}
sip outbound proxy: {{ tls.outbound.ip }}
sip outbound proxy port: {{ tls.outbound.port }}
{% endif %}
{% endif %}
{% for kind, parameter in (("trusted", "trusted certificates"), ("roots", "root and intermediate certificates"),
                           ("local", "local certificate"), ("key", "private key")) %}
{% if kind in tls.names %}
sips {{ parameter }}: {{ tls.names[kind] }}
{% endif %}
{% endfor %}
sip srtp mode: {{ sip.srtp_mode }}
{% if sip.out_of_band_dtmf != "" %}
sip out-of-band dtmf: {{ sip.out_of_band_dtmf }}
sip dtmf method: {{ sip.dtmf_method }}
{% endif %}
{% if sip.explicit_mwi != "" %}
sip explicit mwi subscription: {{ sip.explicit_mwi }}
{% endif %}
{% if sip.voicemail %}
sip vmail: {{ sip.voicemail }}
{% endif %}
{% if sip.pickup %}
directed call pickup: 1
directed call pickup prefix: {{ sip.pickup }}
{% endif %}
{% endblock %}
{% block lines %}
{% for line in lines %}
{% set prefix = "sip line" ~ line.number %}

{{ prefix }} user name: {{ line.name.username }}
{{ prefix }} auth name: {{ line.name.auth_username }}
{{ prefix }} password: {{ line.name.password }}
{{ prefix }} display name: {{ line.name.display_name or line.name.number }}
{{ prefix }} screen name: {{ line.name.display_name or line.name.number }}
{% if line.name.number and line.name.display_name %}
{{ prefix }} screen name 2: {{ line.name.number }}
{% endif %}
{% for host in ("proxy", "backup_proxy", "registrar", "backup_registrar") %}
{% if line.hosts[host].ip %}
{{ prefix }} {{ host | replace("_", " ") }} ip: {{ line.hosts[host].ip }}
{{ prefix }} {{ host | replace("_", " ") }} port: {{ line.hosts[host].port }}
{% endif %}
{% endfor %}
{% if line.hosts.outbound_proxy.ip %}
{{ prefix }} outbound proxy: {{ line.hosts.outbound_proxy.ip }}
{{ prefix }} outbound proxy port: {{ line.hosts.outbound_proxy.port }}
{% endif %}
{% if line.dtmf_method != "" %}
{{ prefix }} dtmf method: {{ line.dtmf_method }}
{% endif %}
{{ prefix }} srtp mode: {{ line.srtp_mode }}
{% if line.name.voicemail %}
{{ prefix }} vmail: {{ line.name.voicemail }}
{% endif %}
{% endfor %}
{% endblock %}
{% block phonebook %}
{% if phonebook_url %}

directory script: {{ phonebook_url }}
xml application URI: {{ phonebook_url }}
{% endif %}
{% endblock %}
{% block keys %}
{% for key in keys %}

{{ key.name }} type: {{ key.type }}
{{ key.name }} value: {{ key.value }}
{% if key.label %}
{{ key.name }} label: {{ key.label }}
{% endif %}
{{ key.name }} line: {{ key.line }}
{% if key.states %}
{{ key.name }} states: {{ key.states }}
{% endif %}
{% endfor %}
{% endblock %}
{% block suffix %}
{% endblock %}
