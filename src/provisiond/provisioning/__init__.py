"""Use cases: what administrators, programs and phones can have done.

``house.House(stores, surroundings)`` puts everything together; ``await house.start(advertised_host, http_port)`` fills
the memory (the plugin host was started before) and returns the file of a new administrator's token or None;
``await house.stop()`` writes what is not written yet. Everything below raises errors of :mod:`provisiond.errors` only.

For phones (no SQL and no waiting for a known, unchanged phone)

* ``house.contact.seen(PhoneRequest) -> Sighting(info, device | None, created, reason)`` (async)
* ``house.contact.dhcp_info(document)``: checks, then works on (not async)
* ``house.rendering.device_file(device, name) -> RenderedFile | None``, ``.common_file(plugin_id, name)`` (async)
* ``house.rendering.fetched(device_id, name, etag)`` (not async)
* ``house.parameters.tenant_of_key(key)``, ``.key_of(tenant)``: provisioning keys

For programs (async unless marked)

* ``house.tenants.scope(owner, requested=None) -> Scope`` (not async; raises Unauthorized)
* ``house.tokens.authenticate(text) -> Holder(id, name, tenant_uuid, acl).may(acl_name)``;
  ``create(name, acl, tenant_uuid, expires=None) -> (text, StoredToken)``, ``list()`` (not async), ``revoke(id)``
* ``house.devices``: ``list(query, scope, recurse=False)``, ``stream(…)``, ``get(id, scope)``,
  ``create(document, scope)``, ``replace(id, document, scope)``, ``delete(id, scope)``, ``reconfigure(id, scope)``
* ``house.configs``: ``list(query)``, ``stream(query)``, ``get(id)``, ``raw(id)``, ``create(document)``,
  ``replace(id, document)``, ``delete(id)``, ``autocreate() -> Config``
* ``house.plugins``: ``loaded()``, ``get(id)``, ``info(id)``, ``installed()``, ``installable()``, ``problems()``,
  ``fitting_installable(info)`` (not async); ``update()``, ``install(id)``, ``upgrade(id)`` -> StoredOperation;
  ``uninstall(id)``, ``reload(id)``
* ``house.packages``: ``offered(plugin_id)``, ``installable(plugin_id)``, ``installed(plugin_id)``,
  ``install(plugin_id, package)``, ``upgrade(…)`` -> StoredOperation, ``uninstall(…)``
* ``house.synchronization.start(device_id, scope) -> StoredOperation``
* ``house.operations``: ``start(resource_path, work(progress), label) -> StoredOperation``,
  ``get(resource_path, number)``, ``delete(resource_path, number)``
* ``house.parameters``: ``described()``, ``get(name, tenant=None)`` (not async), ``set(name, value, tenant=None)``
* ``house.inspection``: ``files(device_id, scope) -> [ServedFile]``, ``preview(device_id, name, scope, reveal=False) ->
  RenderedFile``, ``difference(device_id, name, scope, reveal=False) -> str`` (unified diff against the last fetch),
  ``dry_run(config_id, document, scope)`` yields ``Effect``
* ``house.rendering.preview(device, override=None) -> FileSet``, ``.device_files(device) -> FileSet | None``,
  ``.problem(device_id)``, ``.revision(device_id)`` (the last two not async); ``house.fetches.of(device_id)``
* ``house.events.subscribe(limit) -> Subscription``: ``await next()``, ``close()``

Freshness: whatever a use case has answered is in every file that is asked for afterwards. ``rendering.mark`` is how a
change gets there; :mod:`.changes` numbers the changes, :mod:`.making` makes the files, :mod:`.rendered_files`
keeps them.
"""
