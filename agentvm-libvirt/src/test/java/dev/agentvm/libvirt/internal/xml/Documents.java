package dev.agentvm.libvirt.internal.xml;

import dev.agentvm.libvirt.internal.xml.FilterXml.Action;
import dev.agentvm.libvirt.internal.xml.FilterXml.Direction;
import java.time.Instant;
import java.util.List;

/** Documents that use everything there is a field for. */
final class Documents {
    private static final String UUID = "4dea22b3-1d52-4b8f-8d1f-1c4d2d4f3a10";
    private static final String MAC = "52:54:00:a9:00:0a";

    private Documents() {}

    static DomainXml domain() {
        DomainXml domain = new DomainXml();
        domain.type = "kvm";
        domain.name = "vm";
        domain.uuid = UUID;
        domain.genid = "7b6e24de-f026-407a-8a71-4d43055c3f27";
        OwnerXml owner = owner();
        domain.metadata = MetadataXml.of(owner);
        domain.memory = DomainXml.Memory.mib(2048);
        domain.memory.dumpCore = false;
        domain.currentMemory = SizeXml.mib(2048);
        domain.vcpu = DomainXml.Vcpu.of(2);
        domain.vcpu.placement = "static";
        domain.cputune = new DomainXml.Cputune();
        domain.cputune.shares = 2048L;
        domain.cputune.period = 100_000L;
        domain.cputune.quota = 100_000L;
        domain.cputune.globalPeriod = 100_000L;
        domain.cputune.globalQuota = 220_000L;
        domain.memtune = new DomainXml.Memtune();
        domain.memtune.hardLimit = SizeXml.mib(3072);
        domain.resource = new DomainXml.Resource();
        domain.resource.partition = "/machine";
        domain.os.type.arch = "x86_64";
        domain.os.type.machine = "q35";
        domain.os.type.value = "hvm";
        domain.os.kernel = "/boot/vmlinuz";
        domain.os.initrd = "/boot/initrd";
        domain.os.cmdline = "console=ttyS0 root=/dev/vda";
        domain.os.bios = new DomainXml.Bios();
        domain.os.bios.useserial = true;
        domain.features = new DomainXml.Features();
        domain.features.acpi = Flag.present();
        domain.features.apic = Flag.present();
        domain.features.pmu = DomainXml.State.off();
        domain.features.vmport = DomainXml.State.off();
        domain.features.tcg = new DomainXml.Tcg();
        domain.features.tcg.tbCache = SizeXml.mib(512);
        domain.cpu = new DomainXml.Cpu().without("vmx").without("svm");
        domain.cpu.mode = "host-model";
        domain.cpu.check = "partial";
        domain.cpu.topology = new DomainXml.Topology();
        domain.cpu.topology.sockets = 1;
        domain.cpu.topology.dies = 1;
        domain.cpu.topology.cores = 2;
        domain.cpu.topology.threads = 1;
        domain.clock = new DomainXml.Clock();
        domain.clock.offset = "utc";
        DomainXml.Timer hpet = new DomainXml.Timer();
        hpet.name = "hpet";
        hpet.present = false;
        domain.clock.timers.add(hpet);
        domain.onPoweroff = "destroy";
        domain.onReboot = "destroy";
        domain.onCrash = "destroy";
        domain.devices.emulator = "/usr/bin/qemu-system-x86_64";
        domain.devices.disks = List.of(disk(), seed());
        DomainXml.Controller usb = new DomainXml.Controller();
        usb.type = "usb";
        usb.model = "none";
        DomainXml.Controller channels = new DomainXml.Controller();
        channels.type = "virtio-serial";
        channels.index = 0;
        channels.ports = 16;
        domain.devices.controllers = List.of(usb, channels);
        domain.devices.interfaces = List.of(networkInterface(), bridgeInterface());
        DomainXml.CharacterDevice serial = new DomainXml.CharacterDevice();
        serial.type = "pty";
        serial.target = new DomainXml.CharacterTarget();
        serial.target.type = "isa-serial";
        serial.target.port = 0;
        serial.target.model = new DomainXml.CharacterModel();
        serial.target.model.name = "isa-serial";
        domain.devices.serials.add(serial);
        DomainXml.CharacterDevice console = new DomainXml.CharacterDevice();
        console.type = "pty";
        console.target = new DomainXml.CharacterTarget();
        console.target.type = "serial";
        console.target.port = 0;
        domain.devices.consoles.add(console);
        DomainXml.CharacterDevice pty = DomainXml.CharacterDevice.virtioChannel("dev.agentvm.pipe.1");
        pty.type = "pty";
        pty.source = null;
        domain.devices.channels = List.of(DomainXml.CharacterDevice.virtioChannel("org.qemu.guest_agent.0"), pty);
        DomainXml.Video video = new DomainXml.Video();
        video.model = new DomainXml.VideoModel();
        video.model.type = "none";
        domain.devices.videos.add(video);
        domain.devices.memballoon = DomainXml.Memballoon.none();
        DomainXml.Rng rng = new DomainXml.Rng();
        rng.model = "virtio";
        rng.rate = new DomainXml.RngRate();
        rng.rate.bytes = 65_536L;
        rng.rate.period = 1000L;
        rng.backend = new DomainXml.RngBackend();
        rng.backend.model = "random";
        rng.backend.path = "/dev/urandom";
        domain.devices.rngs.add(rng);
        return domain;
    }

    /** The same with UEFI firmware chosen by libvirt, under QEMU's own emulation. */
    static DomainXml emulatedUefiDomain() {
        DomainXml domain = domain();
        domain.type = "qemu";
        domain.cpu = new DomainXml.Cpu();
        domain.cpu.mode = "maximum";
        domain.os = new DomainXml.Os();
        domain.os.firmware = "efi";
        domain.os.type.arch = "x86_64";
        domain.os.type.machine = "q35";
        domain.os.type.value = "hvm";
        domain.os.firmwareFeatures = new DomainXml.FirmwareFeatures();
        DomainXml.FirmwareFeature secureBoot = new DomainXml.FirmwareFeature();
        secureBoot.enabled = false;
        secureBoot.name = "secure-boot";
        domain.os.firmwareFeatures.features.add(secureBoot);
        domain.os.loader = new DomainXml.Loader();
        domain.os.loader.readonly = true;
        domain.os.loader.type = "pflash";
        domain.os.loader.path = "/usr/share/OVMF/OVMF_CODE_4M.fd";
        domain.os.nvram = new DomainXml.Nvram();
        domain.os.nvram.template = "/usr/share/OVMF/OVMF_VARS_4M.fd";
        domain.os.nvram.path = "/var/lib/libvirt/qemu/nvram/vm.fd";
        return domain;
    }

    static OwnerXml owner() {
        OwnerXml owner = new OwnerXml();
        owner.id = "b2c6a8a4";
        owner.user = 1000L;
        owner.template = "vm";
        owner.created = Instant.parse("2026-11-24T10:15:30Z");
        owner.expires = Instant.parse("2026-11-24T12:15:30.5Z");
        return owner.label("team", "tools & <tests>").label("empty", "");
    }

    private static DomainXml.Disk disk() {
        DomainXml.Disk disk = new DomainXml.Disk();
        disk.type = "file";
        disk.device = "disk";
        disk.driver = new DomainXml.DiskDriver();
        disk.driver.name = "qemu";
        disk.driver.type = "qcow2";
        disk.driver.cache = "none";
        disk.driver.errorPolicy = "report";
        disk.driver.io = "native";
        disk.driver.discard = "unmap";
        disk.driver.detectZeroes = "unmap";
        disk.source = DomainXml.DiskSource.file("/var/lib/libvirt/images/vm.qcow2");
        disk.backingStore = DomainXml.BackingStore.last("/var/lib/libvirt/images/base.qcow2", "qcow2");
        disk.target = new DomainXml.DiskTarget();
        disk.target.dev = "vda";
        disk.target.bus = "virtio";
        disk.iotune = new DomainXml.Iotune();
        disk.iotune.totalBytesSec = 100_000_000L;
        disk.serial = "root";
        disk.boot = DomainXml.Boot.order(1);
        return disk;
    }

    private static DomainXml.Disk seed() {
        DomainXml.Disk disk = new DomainXml.Disk();
        disk.type = "file";
        disk.device = "disk";
        disk.driver = new DomainXml.DiskDriver();
        disk.driver.name = "qemu";
        disk.driver.type = "raw";
        disk.source = DomainXml.DiskSource.file("/var/lib/libvirt/images/seed.iso");
        disk.backingStore = DomainXml.BackingStore.none();
        disk.target = new DomainXml.DiskTarget();
        disk.target.dev = "vdb";
        disk.target.bus = "virtio";
        disk.readonly = Flag.present();
        return disk;
    }

    static DomainXml.Interface networkInterface() {
        DomainXml.Interface nic = new DomainXml.Interface();
        nic.type = "network";
        nic.mac = MacAddressXml.of(MAC);
        nic.source = DomainXml.InterfaceSource.network("agentvm");
        nic.target = DomainXml.InterfaceTarget.dev("avm0a1b2c3d4e5");
        nic.model = DomainXml.InterfaceModel.of("virtio");
        nic.driver = new DomainXml.InterfaceDriver();
        nic.driver.name = "qemu";
        nic.filterref =
                FilterRefXml.to("agentvm-" + UUID).with("IP", "192.168.101.10").with("CTRL_IP_LEARNING", "none");
        nic.port = PortOptionsXml.isolated();
        nic.bandwidth = new BandwidthXml();
        nic.bandwidth.inbound = new BandwidthXml.Limit();
        nic.bandwidth.inbound.average = 12_500L;
        nic.bandwidth.inbound.peak = 25_000L;
        nic.bandwidth.inbound.burst = 1_024L;
        nic.bandwidth.outbound = new BandwidthXml.Limit();
        nic.bandwidth.outbound.average = 6_250L;
        nic.mtu = MtuXml.of(1500);
        nic.link = new DomainXml.Link();
        nic.link.state = "up";
        nic.rom = new DomainXml.Rom();
        nic.rom.enabled = false;
        return nic;
    }

    private static DomainXml.Interface bridgeInterface() {
        DomainXml.Interface nic = new DomainXml.Interface();
        nic.type = "bridge";
        nic.mac = MacAddressXml.of("52:54:00:a9:00:0b");
        nic.source = DomainXml.InterfaceSource.bridge("br0");
        nic.model = DomainXml.InterfaceModel.of("virtio");
        return nic;
    }

    static NetworkXml network() {
        NetworkXml network = new NetworkXml();
        network.name = "agentvm";
        network.uuid = UUID;
        network.forward = new NetworkXml.Forward();
        network.forward.mode = "nat";
        network.forward.dev = "eth0";
        network.forward.nat = new NetworkXml.Nat();
        network.forward.nat.port = NetworkXml.PortRange.of(1024, 65535);
        network.bridge = new NetworkXml.Bridge();
        network.bridge.name = "virbr-agentvm";
        network.bridge.zone = "libvirt";
        network.bridge.stp = false;
        network.bridge.delay = 0L;
        network.bridge.macTableManager = "libvirt";
        network.mac = MacAddressXml.of("52:54:00:a9:00:01");
        network.domain = new NetworkXml.Domain();
        network.domain.name = "agentvm.internal";
        network.domain.localOnly = true;
        network.dns = new NetworkXml.Dns();
        network.dns.enable = true;
        network.dns.forwardPlainNames = false;
        NetworkXml.Forwarder forwarder = new NetworkXml.Forwarder();
        forwarder.domain = "example.org";
        forwarder.addr = "9.9.9.9";
        network.dns.forwarders.add(forwarder);
        NetworkXml.DnsHost dnsHost = new NetworkXml.DnsHost();
        dnsHost.ip = "192.168.101.1";
        dnsHost.hostnames = List.of("gateway", "gw");
        network.dns.hosts.add(dnsHost);
        network.port = PortOptionsXml.isolated();
        NetworkXml.Ip ip = new NetworkXml.Ip();
        ip.address = "192.168.101.1";
        ip.prefix = 24;
        ip.dhcp = new NetworkXml.Dhcp();
        NetworkXml.DhcpRange range = new NetworkXml.DhcpRange();
        range.start = "192.168.101.10";
        range.end = "192.168.101.254";
        range.lease = new NetworkXml.Lease();
        range.lease.expiry = 1L;
        range.lease.unit = "hours";
        ip.dhcp.ranges.add(range);
        ip.dhcp.hosts.add(NetworkXml.DhcpHost.of(MAC, "192.168.101.10"));
        network.ips.add(ip);
        return network;
    }

    static NetworkXml networkWithDnsmasqOptions() {
        NetworkXml network = network();
        network.dnsmasqOptions =
                new NetworkXml.DnsmasqOptions().option("stop-dns-rebind").option("server=/example.org/9.9.9.9");
        return network;
    }

    /** A rule of each kind. */
    static FilterXml filter() {
        FilterXml filter = new FilterXml();
        filter.name = "agentvm-" + UUID;
        filter.chain = "root";
        filter.priority = -700;
        filter.uuid = UUID;
        FilterXml.Mac mac = new FilterXml.Mac();
        mac.positive = false;
        mac.srcMacAddr = "$MAC";
        mac.comment = "a MAC that is not its own";
        add(filter, Action.DROP, Direction.OUT, mac);
        FilterXml.Vlan vlan = new FilterXml.Vlan();
        vlan.vlanId = "42";
        vlan.encapProtocol = "ipv4";
        add(filter, Action.DROP, Direction.INOUT, vlan);
        FilterXml.Stp stp = new FilterXml.Stp();
        stp.srcMacAddr = MAC;
        stp.srcMacMask = "ff:ff:ff:ff:ff:ff";
        stp.type = "0x80";
        stp.rootCostHi = "17";
        stp.forwardDelayHi = "300";
        add(filter, Action.DROP, Direction.OUT, stp);
        FilterXml.Arp arp = new FilterXml.Arp();
        arp.opcode = "Request";
        arp.arpSrcMacAddr = "$MAC";
        arp.arpSrcIpAddr = "0.0.0.0";
        arp.gratuitous = "true";
        add(filter, Action.ACCEPT, Direction.OUT, arp);
        FilterXml.Rarp rarp = new FilterXml.Rarp();
        rarp.hwType = "1";
        rarp.protocolType = "0x800";
        add(filter, Action.DROP, Direction.IN, rarp);
        FilterXml.Ip ip = new FilterXml.Ip();
        ip.dstIpAddr = "10.0.0.0";
        ip.dstIpMask = "8";
        ip.protocol = "udp";
        ip.dstPorts(53, 53);
        ip.srcPorts(1024, 65535);
        ip.dscp = "3";
        add(filter, Action.DROP, Direction.OUT, ip);
        FilterXml.Ipv6 ipv6 = new FilterXml.Ipv6();
        ipv6.srcIpAddr = "FE80::";
        ipv6.srcIpMask = "10";
        ipv6.protocol = "icmpv6";
        ipv6.type = "133";
        ipv6.typeEnd = "134";
        add(filter, Action.RETURN, Direction.OUT, ipv6);
        FilterXml.Tcp tcp = new FilterXml.Tcp();
        tcp.state = "NEW,ESTABLISHED";
        tcp.connlimitAbove = "64";
        tcp.flags = "SYN,ACK/SYN";
        tcp.dstPorts(443, 443);
        tcp.dstIpFrom = "1.0.0.0";
        tcp.dstIpTo = "9.255.255.255";
        add(filter, Action.REJECT, Direction.OUT, tcp);
        FilterXml.Udp udp = new FilterXml.Udp();
        udp.ipset = "names";
        udp.ipsetFlags = "dst";
        add(filter, Action.ACCEPT, Direction.OUT, udp).stateMatch = false;
        FilterXml.Icmp icmp = new FilterXml.Icmp();
        icmp.type = "8";
        icmp.code = "0";
        add(filter, Action.ACCEPT, Direction.OUT, icmp);
        FilterXml.Icmpv6 icmpv6 = new FilterXml.Icmpv6();
        icmpv6.type = "128";
        add(filter, Action.ACCEPT, Direction.OUT, icmpv6);
        for (FilterXml.Match match : List.of(
                new FilterXml.Sctp(),
                new FilterXml.Igmp(),
                new FilterXml.All(),
                new FilterXml.Esp(),
                new FilterXml.Ah(),
                new FilterXml.Udplite(),
                new FilterXml.TcpIpv6(),
                new FilterXml.UdpIpv6(),
                new FilterXml.SctpIpv6(),
                new FilterXml.AllIpv6(),
                new FilterXml.EspIpv6(),
                new FilterXml.AhIpv6(),
                new FilterXml.UdpliteIpv6())) {
            add(filter, Action.DROP, Direction.IN, match);
        }
        filter.entries.add(FilterRefXml.to("no-mac-spoofing").with("MAC", MAC));
        filter.entries.add(FilterXml.Rule.of(Action.DROP, Direction.INOUT, 1000, null));
        return filter;
    }

    private static FilterXml.Rule add(FilterXml filter, Action action, Direction direction, FilterXml.Match match) {
        FilterXml.Rule rule = FilterXml.Rule.of(action, direction, 10 * filter.entries.size(), match);
        filter.entries.add(rule);
        return rule;
    }

    static FilterBindingXml filterBinding() {
        FilterBindingXml binding = new FilterBindingXml();
        binding.owner = new FilterBindingXml.Owner();
        binding.owner.name = "vm";
        binding.owner.uuid = UUID;
        binding.portdev = new FilterBindingXml.Device();
        binding.portdev.name = "avm0a1b2c3d4e5";
        binding.mac = MacAddressXml.of(MAC);
        binding.filterref = FilterRefXml.to("agentvm-" + UUID).with("IP", "192.168.101.10");
        return binding;
    }

    static StoragePoolXml pool() {
        StoragePoolXml pool = new StoragePoolXml();
        pool.type = "dir";
        pool.name = "agentvm";
        pool.uuid = UUID;
        pool.capacity = SizeXml.bytes(1_000_000_000L);
        pool.target = new StoragePoolXml.Target();
        pool.target.path = "/var/lib/libvirt/agentvm";
        pool.target.permissions = permissions();
        return pool;
    }

    static StorageVolumeXml volume() {
        StorageVolumeXml volume = new StorageVolumeXml();
        volume.type = "file";
        volume.name = "vm.qcow2";
        volume.capacity = SizeXml.gib(20);
        volume.allocation = SizeXml.bytes(0);
        volume.target = new StorageVolumeXml.Target();
        volume.target.format = FormatXml.of("qcow2");
        volume.target.permissions = permissions();
        volume.target.compat = "1.1";
        volume.target.features = new StorageVolumeXml.Features();
        volume.target.features.lazyRefcounts = Flag.present();
        volume.backingStore = new StorageVolumeXml.BackingStore();
        volume.backingStore.path = "/var/lib/libvirt/images/base.qcow2";
        volume.backingStore.format = FormatXml.of("qcow2");
        return volume;
    }

    private static PermissionsXml permissions() {
        PermissionsXml permissions = new PermissionsXml();
        permissions.mode = "0600";
        permissions.owner = -1L;
        permissions.group = -1L;
        return permissions;
    }

    static DomainSnapshotXml snapshot() {
        DomainSnapshotXml snapshot = new DomainSnapshotXml();
        snapshot.memory = new DomainSnapshotXml.Memory();
        snapshot.memory.snapshot = "external";
        snapshot.memory.file = "/var/lib/libvirt/agentvm/" + UUID + "-1.save";
        DomainSnapshotXml.Disk own = new DomainSnapshotXml.Disk();
        own.name = "vda";
        own.snapshot = "external";
        own.driver = FormatXml.of("qcow2");
        own.source = new DomainSnapshotXml.Source();
        own.source.file = "/var/lib/libvirt/agentvm/" + UUID + "-1.qcow2";
        DomainSnapshotXml.Disk seed = new DomainSnapshotXml.Disk();
        seed.name = "vdb";
        seed.snapshot = "no";
        snapshot.disks.addAll(List.of(own, seed));
        return snapshot;
    }
}
