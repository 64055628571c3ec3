<?xml version="1.0" encoding="UTF-8"?>
<flat-profile>
  <Provision_Enable ua="na">Yes</Provision_Enable>
  <Resync_On_Reset ua="na">Yes</Resync_On_Reset>
  <Profile_Rule ua="na">{{ profile_rule }}</Profile_Rule>
</flat-profile>
