server = {{ http_base_url }}
{% if XX_offset is defined %}offset = {{ XX_offset }}{% endif %}
{% for number, line in sip_lines|dictsort %}account.{{ number }} = {{ line['username'] }}:{{ line['password'] }}@{{ line['proxy_ip'] }}
{% endfor %}
