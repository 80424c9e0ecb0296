package dev.agentvm.libvirt.internal.network;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a driver of libvirt makes its rules with, as far as can be told from its configuration. */
enum Backend {
    IPTABLES,
    NFTABLES,
    /** Either: which one libvirt was built to prefer cannot be seen. */
    UNKNOWN;

    private static final Pattern SET = Pattern.compile("(?m)^\\s*firewall_backend\\s*=\\s*[\"'](\\w+)[\"']");
    /** The file comes with the default of its build in a comment. */
    private static final Pattern DEFAULT = Pattern.compile("(?m)^#firewall_backend\\s*=\\s*\"(\\w+)\"");

    /** What the file says, or empty if it leaves it to libvirt or cannot be read. */
    static Optional<Backend> set(HostView host, String file) {
        return find(host, file, SET);
    }

    /** What libvirt takes if nothing is said, as the file's own comment has it. */
    static Backend byDefault(HostView host, String file) {
        return find(host, file, DEFAULT).orElse(UNKNOWN);
    }

    private static Optional<Backend> find(HostView host, String file, Pattern pattern) {
        return host.read(file)
                .map(pattern::matcher)
                .filter(Matcher::find)
                .map(found -> found.group(1).equals("nftables") ? NFTABLES : IPTABLES);
    }
}
