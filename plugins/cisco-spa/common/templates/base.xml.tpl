<?xml version="1.0" encoding="UTF-8"?>
<flat-profile>
{% block settings %}
{% for title, settings in sections %}
  <!-- {{ title }} -->
{% for name, value in settings.items() %}
  <{{ name }}>{{ value }}</{{ name }}>
{% endfor %}
{% endfor %}
{% endblock %}
{% block suffix %}
{% endblock %}
{% block router %}
{% if router %}
  <router-configuration>
{% for name, value in router.items() %}
{% if value is mapping %}
    <{{ name }}>
{% for inner, inner_value in value.items() %}
      <{{ inner }}>{{ inner_value }}</{{ inner }}>
{% endfor %}
    </{{ name }}>
{% else %}
    <{{ name }}>{{ value }}</{{ name }}>
{% endif %}
{% endfor %}
  </router-configuration>
{% endif %}
{% endblock %}
</flat-profile>
