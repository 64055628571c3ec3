<?xml version="1.0" encoding="UTF-8"?>
<Default>
  <callManagerGroup>
    <members>
      {% for manager in call_managers %}
      <member priority="{{ manager.priority }}">
        <callManager>
          <ports>
            <ethernetPhonePort>{{ manager.port }}</ethernetPhonePort>
          </ports>
          <processNodeName>{{ manager.ip }}</processNodeName>
        </callManager>
      </member>
      {% endfor %}
    </members>
  </callManagerGroup>
  {% for each in loads %}
  <{{ each.element }} model="{{ each.model }}">{{ each.load }}</{{ each.element }}>
  {% endfor %}
  <authenticationURL></authenticationURL>
  <directoryURL></directoryURL>
  <idleURL></idleURL>
  <informationURL></informationURL>
  <messagesURL></messagesURL>
  <servicesURL></servicesURL>
</Default>
