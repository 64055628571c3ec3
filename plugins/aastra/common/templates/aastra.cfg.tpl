# Shared by all Aastra phones. What differs between phones is in <MAC>.cfg.
{% block common %}
sip registration retry timer: 60
sip registration timeout retry timer: 120
sip blf subscription period: 3600
sip silence suppression: 0
sip use basic codecs: 0
sip rport: 1
sip xml notify event: 1
{% endblock %}
