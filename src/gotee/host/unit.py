"""The unit file for systemd. Host world; `install` writes it."""

from __future__ import annotations

from typing import Final

from gotee.platform.service.settings import THREADS, Settings

NAME: Final = "gotee-platform.service"
FOLDER: Final = "/etc/systemd/system"
RUNNING: Final = "/run/systemd/system"
"""There where systemd runs the machine."""


def text(settings: Settings, file: str) -> str:
    """The unit. SIGTERM goes to the spawner alone, which tells sessions and hosts why their enclaves end."""
    return f"""[Unit]
Description=gotee platform: enclaves under users of their own
Documentation=man:systemd.service(5)
After=local-fs.target

[Service]
Type=exec
ExecStart={settings.prefix}/bin/gotee-platform {file}
KillMode=mixed
TimeoutStopSec=15
Restart=on-failure
RestartSec=1
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_KILL CAP_SETGID CAP_SETUID CAP_SYS_ADMIN CAP_CHOWN CAP_SETPCAP
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX
IPAddressDeny=any
ProtectClock=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectKernelTunables=yes
PrivateDevices=yes
PrivateNetwork=yes
MemoryDenyWriteExecute=yes
SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
KeyringMode=private
LimitCORE=0
LimitNOFILE=65536
TasksMax={settings.enclaves * THREADS + 512}
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ReadWritePaths=-{settings.state} -{settings.run}
RuntimeDirectory=gotee
RuntimeDirectoryPreserve=yes
UMask=0022

[Install]
WantedBy=multi-user.target
"""
