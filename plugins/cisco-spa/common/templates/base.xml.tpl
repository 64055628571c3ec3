<?xml version="1.0" encoding="UTF-8"?>
<flat-profile>
{% for name, value in settings %}
  <{{ name }} ua="na">{{ value }}</{{ name }}>
{% endfor %}
</flat-profile>
