update = {{ http_base_url }}/firmware
