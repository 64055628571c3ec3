import logging
import os
import re

from twisted.internet import defer

try:
    from wazo_provd import synchronize, tzinform
    from wazo_provd.devices.config import RawConfigError
    from wazo_provd.devices.ident import RequestType
    from wazo_provd.devices.pgasso import BasePgAssociator, DeviceSupport
    from wazo_provd.plugins import FetchfwPluginHelper, StandardPlugin, TemplatePluginHelper
    from wazo_provd.servers.http import HTTPNoListingFileService
    from wazo_provd.servers.tftp.service import TFTPFileService
    from wazo_provd.util import format_mac, norm_mac
except ImportError:
    from provd import synchronize, tzinform
    from provd.devices.config import RawConfigError
    from provd.devices.ident import RequestType
    from provd.devices.pgasso import BasePgAssociator, DeviceSupport
    from provd.plugins import FetchfwPluginHelper, StandardPlugin, TemplatePluginHelper
    from provd.servers.http import HTTPNoListingFileService
    from provd.servers.tftp.service import TFTPFileService
    from provd.util import format_mac, norm_mac

logger = logging.getLogger("plugin.wazo-examplia")


class BaseExampliaHTTPDeviceInfoExtractor:
    _AGENT = re.compile(r"^Examplia (E\d+) ([\d.]+) ([\da-f]{12})$")

    def extract(self, request, request_type):
        assert request_type == RequestType.HTTP
        agent = request.getHeader(b"User-Agent")
        found = self._AGENT.match(agent.decode("ascii")) if agent else None
        if not found:
            return defer.succeed(None)
        model, version, mac = found.groups()
        return defer.succeed({"vendor": "Examplia", "model": model, "version": version, "mac": norm_mac(mac)})


class BaseExampliaTFTPDeviceInfoExtractor:
    _NAME = re.compile(r"^examplia-([\da-f]{12})\.cfg$")

    def extract(self, request, request_type):
        assert request_type == RequestType.TFTP
        found = self._NAME.match(request["packet"]["filename"].decode("ascii"))
        return defer.succeed({"vendor": "Examplia", "mac": norm_mac(found.group(1))} if found else None)


class BaseExampliaAssociator(BasePgAssociator):
    def __init__(self, models, version):
        self._models = models
        self._version = version

    def _do_associate(self, vendor, model, version):
        if vendor != "Examplia":
            return DeviceSupport.IMPROBABLE
        if model in self._models:
            return DeviceSupport.EXACT if version == self._version else DeviceSupport.COMPLETE
        return DeviceSupport.PROBABLE


class BaseExampliaPlugin(StandardPlugin):
    http_dev_info_extractor = BaseExampliaHTTPDeviceInfoExtractor()
    tftp_dev_info_extractor = BaseExampliaTFTPDeviceInfoExtractor()

    def __init__(self, app, plugin_dir, gen_cfg, spec_cfg):
        super().__init__(app, plugin_dir, gen_cfg, spec_cfg)
        self._tpl_helper = TemplatePluginHelper(plugin_dir)
        downloaders = FetchfwPluginHelper.new_downloaders(gen_cfg.get("proxies"))
        self.services = FetchfwPluginHelper(plugin_dir, downloaders).services()
        self.http_service = HTTPNoListingFileService(self._tftpboot_dir)
        self.tftp_service = TFTPFileService(self._tftpboot_dir)

    def configure_common(self, raw_config):
        template = self._tpl_helper.get_template("common/examplia.cfg.tpl")
        self._tpl_helper.dump(template, raw_config, os.path.join(self._tftpboot_dir, "examplia.cfg"))

    def _file_name(self, device):
        return f"examplia-{format_mac(device['mac'], separator='')}.cfg"

    def _add_timezone(self, raw_config):
        if "timezone" not in raw_config:
            return
        try:
            info = tzinform.get_timezone_info(raw_config["timezone"])
        except tzinform.TimezoneNotFoundError as error:
            logger.info("unknown time zone: %s", error)
        else:
            raw_config["XX_offset"] = info["utcoffset"].as_minutes

    def configure(self, device, raw_config):
        if "mac" not in device:
            raise RawConfigError("the MAC address is needed to configure this device")
        self._add_timezone(raw_config)
        name = self._file_name(device)
        template = self._tpl_helper.get_dev_template(name, device)
        self._tpl_helper.dump(template, raw_config, os.path.join(self._tftpboot_dir, name))

    def deconfigure(self, device):
        try:
            os.remove(os.path.join(self._tftpboot_dir, self._file_name(device)))
        except OSError as error:
            logger.info("nothing to remove: %s", error)

    def synchronize(self, device, raw_config):
        return synchronize.standard_sip_synchronize(device)

    def get_remote_state_trigger_filename(self, device):
        return self._file_name(device) if "mac" in device else None

    def is_sensitive_filename(self, filename):
        return filename.startswith("examplia-")
