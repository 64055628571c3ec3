<?xml version="1.0" encoding="UTF-8"?>
<firmware-settings>
  {% if firmware %}
  <firmware perm="">{{ firmware }}</firmware>
  {% endif %}
</firmware-settings>
