server = {{ http_base_url }}
{{ offset }}
{% for number, line in sip_lines|dictsort %}
account.{{ number }} = {{ line['username'] }}:{{ line['password'] }}@{{ line['proxy_ip'] }}
{% endfor %}
