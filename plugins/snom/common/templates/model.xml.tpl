<?xml version="1.0" encoding="UTF-8"?>
<settings>
  <phone-settings e="2">
    {% block settings %}
    <update_policy perm="R">auto_update</update_policy>
    {% if firmware_status %}
    <firmware_status perm="R">{{ firmware_status }}</firmware_status>
    {% endif %}
    <challenge_response perm="R">off</challenge_response>
    <codec_tos perm="R">184</codec_tos>
    <signaling_tos perm="R">104</signaling_tos>
    {% endblock %}
  </phone-settings>
  {% if languages %}
  <gui-languages>
    {% for language in languages %}
    <language url="{{ language.gui }}" name="{{ language.name }}"/>
    {% endfor %}
  </gui-languages>
  <web-languages>
    {% for language in languages %}
    <language url="{{ language.web }}" name="{{ language.name }}"/>
    {% endfor %}
  </web-languages>
  {% endif %}
</settings>
