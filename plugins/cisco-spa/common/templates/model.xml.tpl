<?xml version="1.0" encoding="UTF-8"?>
<flat-profile>
{% for name, value in settings.items() %}
  <{{ name }}>{{ value }}</{{ name }}>
{% endfor %}
{% block suffix %}
{% endblock %}
</flat-profile>
