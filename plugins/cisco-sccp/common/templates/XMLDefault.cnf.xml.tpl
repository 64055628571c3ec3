<?xml version="1.0" encoding="UTF-8"?>
<Default>
  <callManagerGroup>
    <members>
{% for manager in managers %}
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
  <loadInformation{{ each.number }}>{{ each.load }}</loadInformation{{ each.number }}>
{% endfor %}
  <authenticationURL></authenticationURL>
  <directoryURL></directoryURL>
  <idleURL></idleURL>
  <informationURL></informationURL>
  <messagesURL></messagesURL>
  <servicesURL></servicesURL>
</Default>
