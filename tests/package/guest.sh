#!/bin/bash
# Runs inside a Debian that has booted with systemd and has no network: installs the package, uses it, and removes it.
# Told by try_package.py: /root/former.deb and /root/current.deb. Says what it has seen, one line each.
set -u
PHONE=SEP001B54000005.cnf.xml
failed=0

check() { # check WORDS COMMAND...: says whether the command was right
    local words=$1
    shift
    if "$@" > /root/last.log 2>&1; then
        echo "ok   $words"
    else
        echo "FAIL $words"
        sed 's/^/       /' /root/last.log | tail -n 15
        failed=1
    fi
}
refused() { ! "$@"; }
says() { # says TEXT COMMAND...
    local text=$1
    shift
    "$@" 2>&1 | tee /root/last.said | grep -qF -- "$text" || { cat /root/last.said; return 1; }
}
until_true() { # until_true SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}
over_tftp() { curl -sS --max-time 60 -o "$1" "tftp://127.0.0.1/$PHONE"; }
over_http() { curl -sSf --max-time 60 -o "$1" "http://127.0.0.1:8667/$PHONE"; }
ctl() { PROVISIONCTL_TOKEN_FILE=/var/lib/provisiond/admin-token provisionctl "$@"; }
version() { dpkg-query -W -f '${Version}' provisiond; }
inventory() {
    find / -xdev \( -path /root -o -path /var/log -o -path /var/lib/dpkg -o -path /tmp -o -path /var/tmp \
        -o -path /var/lib/systemd -o -path /var/cache/ldconfig -o -path /run -o -path /proc -o -path /sys \) \
        -prune -o ! -name '*-' ! -name '*.pyc' ! -name __pycache__ -print | sort
}
same() { cmp "$1" "$2"; }
asked_while() { # asked_while COUNTS COMMAND...: a phone asks over both protocols all the time
    local counts=$1 good=0 bad=0 wrong
    shift
    : > "$counts"
    "$@" > /root/asked.log 2>&1 &
    local job=$!
    while kill -0 $job 2> /dev/null || [ $good -lt 6 ]; do
        for how in over_tftp over_http; do
            if $how /root/again 2>> "$counts" && cmp -s /root/again /root/first; then good=$((good + 1)); else bad=$((bad + 1)); fi
        done
    done
    wait $job
    wrong=$?
    echo "       $good answers, $bad refused"
    [ $wrong -eq 0 ] && [ $bad -eq 0 ]
}

inventory > /root/before
began=$(date +%s.%N)
check "the package installs without a network" dpkg -i /root/former.deb
echo "       seconds to install: $(echo "$(date +%s.%N) $began" | awk '{printf "%.1f", $1 - $2}')"
check "the service is active" until_true 90 systemctl is-active provisiond
check "it runs as its own user" test "$(stat -c %U "/proc/$(systemctl show -P MainPID provisiond)")" = provisiond
for kind in tftp http rest; do check "the $kind socket is open" systemctl is-active provisiond-$kind.socket; done
check "the plug-and-play socket is not" refused systemctl is-active provisiond-pnp.socket
check "it has no capability" grep -q "^CapEff:.0000000000000000$" "/proc/$(systemctl show -P MainPID provisiond)/status"
check "it filters system calls" grep -q "^Seccomp:.2$" "/proc/$(systemctl show -P MainPID provisiond)/status"
check "it tells systemd where it listens" says "TFTP on 69" systemctl show -P StatusText provisiond
check "settings are not for everybody" says "Permission denied" \
    setpriv --reuid nobody --clear-groups cat /etc/provisiond/config.yml
check "the settings are right" provisiond --check
check "the repository of the package is read" ctl plugin update
check "plugins of the package are offered" says cisco-sccp ctl plugin search
check "one is installed" ctl plugin install cisco-sccp-9.0.3
check "a phone boots over TFTP on port 69" over_tftp /root/first
check "and over HTTP with the same bytes" over_http /root/second
check "which are a configuration" grep -q "<device" /root/first
check "really the same" same /root/first /root/second
check "man pages and completions are there" test -s /usr/share/man/man1/provisionctl.1.gz \
    -a -s /usr/share/man/man8/provisiond.8.gz -a -s /usr/share/bash-completion/completions/provisionctl
check "bash can read the completion" bash -n /usr/share/bash-completion/completions/provisionctl
check "a reload keeps the process" bash -c 'a=$(systemctl show -P MainPID provisiond); systemctl reload provisiond;
    [ "$a" = "$(systemctl show -P MainPID provisiond)" ]'
check "a restart refuses no phone" asked_while /root/counts systemctl restart provisiond
check "the watchdog is content" test "$(systemctl show -P NRestarts provisiond)" = 0

check "an upgrade refuses no phone and keeps the data" asked_while /root/counts dpkg -i /root/current.deb
check "the service is active after it" until_true 90 systemctl is-active provisiond
check "the phone is still known" says 00:1b:54:00:00:05 ctl device list
upgraded=$(version)
check "a downgrade is refused" refused dpkg -i /root/former.deb
check "with a sentence" says "cannot read what provisiond" dpkg -i /root/former.deb
check "which changes nothing" test "$(version)" = "$upgraded"
check "and the phone is served" over_http /root/second

mkdir -p /etc/systemd/system/provisiond.service.d
cp /usr/share/doc/provisiond/examples/systemd/capability.conf /etc/systemd/system/provisiond.service.d/
systemctl mask --now provisiond-tftp.socket provisiond-http.socket provisiond-rest.socket > /dev/null 2>&1
systemctl daemon-reload
check "without socket units a capability is enough" systemctl restart provisiond
check "a phone boots from it" over_tftp /root/second
check "with the same bytes" same /root/first /root/second
rm -r /etc/systemd/system/provisiond.service.d
cp -r /usr/share/doc/provisiond/examples/systemd /root/examples
systemctl unmask provisiond-tftp.socket provisiond-http.socket provisiond-rest.socket > /dev/null 2>&1
mkdir -p /etc/systemd/system/provisiond.service.d
cp /root/examples/extensions.conf /etc/systemd/system/provisiond.service.d/
systemctl daemon-reload
systemctl stop provisiond
check "with the drop-in for extensions it starts" systemctl start provisiond
check "and a phone boots" over_tftp /root/second
rm -r /etc/systemd/system/provisiond.service.d
systemctl daemon-reload

check "removing ends the service" dpkg -r provisiond
check "nobody listens any more" refused over_http /root/second
check "data and settings stay" test -s /var/lib/provisiond/provisiond.db -a -s /etc/provisiond/config.yml
check "installing again finds them" dpkg -i /root/current.deb
check "the phone boots again" until_true 90 over_tftp /root/second
check "with what it had" same /root/first /root/second
check "purging works" dpkg -P provisiond
check "the user is gone" refused getent passwd provisiond
inventory > /root/after
check "nothing is left" diff /root/before /root/after
check "no unit has failed" test -z "$(systemctl --failed --no-legend --plain 'provisiond*')"
[ $failed -eq 0 ] && echo "ALL GOOD"
journalctl -u provisiond --no-pager > /root/journal.log 2>&1
