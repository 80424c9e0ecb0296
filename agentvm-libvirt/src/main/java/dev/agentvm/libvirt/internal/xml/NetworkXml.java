package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlElement;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.XmlType;
import jakarta.xml.bind.annotation.adapters.XmlJavaTypeAdapter;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code <network>}: a virtual network. */
@XmlRootElement(name = "network")
public final class NetworkXml {
    /** libvirt's namespace for options that it hands to dnsmasq. */
    public static final String DNSMASQ_NAMESPACE = "http://libvirt.org/schemas/network/dnsmasq/1.0";

    /** The prefix it is written with. */
    public static final String DNSMASQ_PREFIX = "dnsmasq";

    /** How many interfaces use it; libvirt's answer, never written by us. */
    @XmlAttribute
    public @Nullable Integer connections;

    public @Nullable String name;
    public @Nullable String uuid;
    public @Nullable MetadataXml metadata;
    public @Nullable Forward forward;
    public @Nullable Bridge bridge;
    public @Nullable MtuXml mtu;
    public @Nullable MacAddressXml mac;
    public @Nullable Domain domain;
    public @Nullable Dns dns;
    public @Nullable BandwidthXml bandwidth;
    public @Nullable PortOptionsXml port;

    @XmlElement(name = "ip")
    public List<Ip> ips = new ArrayList<>();

    /** Options that dnsmasq gets as they are; the schema wants the element only where there are some. */
    @XmlElement(name = "options", namespace = DNSMASQ_NAMESPACE)
    public @Nullable DnsmasqOptions dnsmasqOptions;

    /** {@code <forward>}. Absent: the network is isolated. */
    @XmlType(name = "network.forward")
    public static final class Forward {
        /** {@code nat}, {@code route}, {@code open}, {@code bridge}, … */
        @XmlAttribute
        public @Nullable String mode;

        /** The only host device to forward to. */
        @XmlAttribute
        public @Nullable String dev;

        public @Nullable Nat nat;

        @XmlElement(name = "interface")
        public List<ForwardInterface> interfaces = new ArrayList<>();
    }

    /** {@code <nat>}. */
    @XmlType(name = "network.nat")
    public static final class Nat {
        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean ipv6;

        public @Nullable AddressRange address;
        public @Nullable PortRange port;
    }

    /** Addresses to translate to. */
    @XmlType(name = "network.addressrange")
    public static final class AddressRange {
        @XmlAttribute
        public @Nullable String start;

        @XmlAttribute
        public @Nullable String end;
    }

    /** Ports to translate to; 1 to 65535. */
    @XmlType(name = "network.portrange")
    public static final class PortRange {
        @XmlAttribute
        public @Nullable Integer start;

        @XmlAttribute
        public @Nullable Integer end;

        /** From {@code start} to {@code end}, both included. */
        public static PortRange of(int start, int end) {
            PortRange range = new PortRange();
            range.start = start;
            range.end = end;
            return range;
        }
    }

    /** A host device that is forwarded to. */
    @XmlType(name = "network.forward.interface")
    public static final class ForwardInterface {
        @XmlAttribute
        public @Nullable String dev;

        @XmlAttribute
        public @Nullable Integer connections;
    }

    /** {@code <bridge>}. */
    @XmlType(name = "network.bridge")
    public static final class Bridge {
        @XmlAttribute
        public @Nullable String name;

        /** The firewalld zone. */
        @XmlAttribute
        public @Nullable String zone;

        @XmlAttribute
        @XmlJavaTypeAdapter(OnOffAdapter.class)
        public @Nullable Boolean stp;

        /** Seconds until a new port forwards. */
        @XmlAttribute
        public @Nullable Long delay;

        /** {@code kernel} or {@code libvirt}. */
        @XmlAttribute
        public @Nullable String macTableManager;
    }

    /** {@code <domain>}: the DNS domain. */
    @XmlType(name = "network.domain")
    public static final class Domain {
        @XmlAttribute
        public @Nullable String name;

        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean localOnly;
    }

    /** {@code <dns>}. */
    @XmlType(name = "network.dns")
    public static final class Dns {
        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean enable;

        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean forwardPlainNames;

        @XmlElement(name = "forwarder")
        public List<Forwarder> forwarders = new ArrayList<>();

        @XmlElement(name = "txt")
        public List<Txt> txts = new ArrayList<>();

        @XmlElement(name = "host")
        public List<DnsHost> hosts = new ArrayList<>();
    }

    /** A server to ask, for all names or those of one domain. */
    @XmlType(name = "network.dns.forwarder")
    public static final class Forwarder {
        @XmlAttribute
        public @Nullable String domain;

        @XmlAttribute
        public @Nullable String addr;

        /** The server {@code addr}, or those of the host if null, for {@code domain}, or all names if null. */
        public static Forwarder of(@Nullable String domain, @Nullable String addr) {
            Forwarder forwarder = new Forwarder();
            forwarder.domain = domain;
            forwarder.addr = addr;
            return forwarder;
        }
    }

    /** A TXT record. */
    @XmlType(name = "network.dns.txt")
    public static final class Txt {
        @XmlAttribute
        public @Nullable String name;

        @XmlAttribute
        public @Nullable String value;
    }

    /** Names of an address. */
    @XmlType(name = "network.dns.host")
    public static final class DnsHost {
        @XmlAttribute
        public @Nullable String ip;

        @XmlElement(name = "hostname")
        public List<String> hostnames = new ArrayList<>();
    }

    /** {@code <ip>}: an address of the host on the bridge. */
    @XmlType(name = "network.ip")
    public static final class Ip {
        /** {@code ipv4}, which it is if absent, or {@code ipv6}. */
        @XmlAttribute
        public @Nullable String family;

        @XmlAttribute
        public @Nullable String address;

        /** Either this or {@link #prefix}. */
        @XmlAttribute
        public @Nullable String netmask;

        @XmlAttribute
        public @Nullable Integer prefix;

        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean localPtr;

        public @Nullable Dhcp dhcp;
    }

    /** {@code <dhcp>}. */
    @XmlType(name = "network.dhcp")
    public static final class Dhcp {
        @XmlElement(name = "range")
        public List<DhcpRange> ranges = new ArrayList<>();

        @XmlElement(name = "host")
        public List<DhcpHost> hosts = new ArrayList<>();
    }

    /** Addresses to hand out. */
    @XmlType(name = "network.dhcp.range")
    public static final class DhcpRange {
        @XmlAttribute
        public @Nullable String start;

        @XmlAttribute
        public @Nullable String end;

        public @Nullable Lease lease;
    }

    /** A reservation. It is also what {@code virNetworkUpdate} takes, so it is a document of its own. */
    @XmlRootElement(name = "host")
    @XmlType(name = "network.dhcp.host")
    public static final class DhcpHost {
        @XmlAttribute
        public @Nullable String mac;

        /** The client's DUID, in place of its MAC. */
        @XmlAttribute
        public @Nullable String id;

        @XmlAttribute
        public @Nullable String name;

        @XmlAttribute
        public @Nullable String ip;

        public @Nullable Lease lease;

        /** The address {@code ip} for the interface {@code mac}. */
        public static DhcpHost of(String mac, String ip) {
            DhcpHost host = new DhcpHost();
            host.mac = mac;
            host.ip = ip;
            return host;
        }
    }

    /** How long a lease lasts. */
    @XmlType(name = "network.dhcp.lease")
    public static final class Lease {
        /** 0 is for ever. */
        @XmlAttribute
        public @Nullable Long expiry;

        /** {@code seconds}, {@code minutes} (if absent) or {@code hours}. */
        @XmlAttribute
        public @Nullable String unit;

        /** A lease without an end. */
        public static Lease forEver() {
            Lease lease = new Lease();
            lease.expiry = 0L;
            return lease;
        }
    }

    /** {@code <dnsmasq:options>}. */
    @XmlType(name = "network.dnsmasq.options")
    public static final class DnsmasqOptions {
        @XmlElement(name = "option", namespace = DNSMASQ_NAMESPACE)
        public List<DnsmasqOption> options = new ArrayList<>();

        /** Adds a line of dnsmasq's configuration. */
        public DnsmasqOptions option(String line) {
            DnsmasqOption option = new DnsmasqOption();
            option.value = line;
            options.add(option);
            return this;
        }
    }

    /** A line of dnsmasq's configuration. */
    @XmlType(name = "network.dnsmasq.option")
    public static final class DnsmasqOption {
        @XmlAttribute
        public @Nullable String value;
    }
}
