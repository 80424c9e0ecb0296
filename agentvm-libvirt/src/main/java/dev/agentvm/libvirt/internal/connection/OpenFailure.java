package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Says why libvirt could not be reached: what was tried, by whom, and how to mend it. */
final class OpenFailure {
    private static final String INSTALL_LIBRARY =
            "Install it: Debian and Ubuntu 'apt install libvirt0', Fedora and RHEL 'dnf install libvirt-libs',"
                    + " SUSE 'zypper install libvirt-libs', Arch 'pacman -S libvirt'";
    private static final String INSTALL_DAEMON =
            "Install libvirt with QEMU (Debian and Ubuntu 'apt install libvirt-daemon-system qemu-system-x86',"
                    + " Fedora and RHEL 'dnf install libvirt-daemon-kvm') and start it ('systemctl enable --now"
                    + " libvirtd', or 'virtqemud.socket virtnetworkd.socket virtnwfilterd.socket"
                    + " virtstoraged.socket' where the daemons are modular)";

    private final String uri;

    OpenFailure(String uri) {
        this.uri = uri;
    }

    static UnreachableException noLibrary(Throwable cause) {
        return new UnreachableException(
                "the libvirt library cannot be loaded (" + firstLine(cause) + "). " + INSTALL_LIBRARY,
                false,
                null,
                cause);
    }

    static UnreachableException tooOld(String what, LibvirtVersion is, LibvirtVersion needed) {
        return new UnreachableException(
                "the libvirt " + what + " is version " + is + "; at least " + needed
                        + " is needed, which checks definitions against its schemas. Update libvirt",
                false,
                null,
                null);
    }

    UnreachableException describe(LibvirtError error) {
        StringBuilder message =
                new StringBuilder("cannot connect to ").append(uri).append(": ").append(error.text());
        List<Path> sockets = sockets();
        boolean denied = error.is(ErrorCode.AUTH_FAILED, ErrorCode.AUTH_CANCELLED, ErrorCode.AUTH_UNAVAILABLE);
        boolean any = false;
        for (Path socket : sockets) {
            message.append(message.charAt(message.length() - 1) == '.' ? "" : ".")
                    .append(" Socket ")
                    .append(socket);
            if (Files.exists(socket)) {
                any = true;
                message.append(' ').append(owner(socket));
                if (!Files.isWritable(socket)) {
                    denied = true;
                    message.append(", not writable for this process");
                }
            } else {
                message.append(" does not exist");
            }
        }
        message.append(message.charAt(message.length() - 1) == '.' ? "" : ".")
                .append(" Tried as ")
                .append(user());
        if (denied) {
            message.append(". Join the group that may use libvirt, usually 'sudo usermod -aG libvirt ")
                    .append(System.getProperty("user.name"))
                    .append("', and log in again (or allow org.libvirt.unix.manage in polkit)");
        } else if (!sockets.isEmpty() && !any) {
            message.append(". ").append(INSTALL_DAEMON);
        } else if (!sockets.isEmpty()) {
            message.append(". The socket is there, the daemon behind it does not serve: see 'systemctl status libvirtd"
                    + " virtqemud' and 'journalctl -u libvirtd -u virtqemud'");
        } else {
            message.append(". Check the URI, such as qemu:///system");
        }
        return new UnreachableException(message.toString(), !denied && !sockets.isEmpty(), error, error);
    }

    /** Where libvirt's client looks for a local daemon: monolithic, then modular. */
    private List<Path> sockets() {
        URI parsed;
        try {
            parsed = URI.create(uri);
        } catch (IllegalArgumentException e) {
            return List.of();
        }
        String scheme = Optional.ofNullable(parsed.getScheme()).orElse("");
        boolean local = parsed.getHost() == null && (!scheme.contains("+") || scheme.endsWith("+unix"));
        if (!local || !scheme.startsWith("qemu")) {
            return List.of();
        }
        Optional<String> given = Optional.ofNullable(parsed.getQuery())
                .flatMap(query -> Arrays.stream(query.split("&"))
                        .filter(part -> part.startsWith("socket="))
                        .map(part -> part.substring("socket=".length()))
                        .findFirst());
        if (given.isPresent()) {
            return List.of(Path.of(given.get()));
        }
        Path directory = Path.of("/run/libvirt");
        if ("/session".equals(parsed.getPath())) {
            String runtime = System.getenv("XDG_RUNTIME_DIR");
            directory = runtime == null
                    ? Path.of(System.getProperty("user.home"), ".cache", "libvirt")
                    : Path.of(runtime, "libvirt");
        }
        return List.of(directory.resolve("libvirt-sock"), directory.resolve("virtqemud-sock"));
    }

    private static String owner(Path socket) {
        try {
            PosixFileAttributes attributes =
                    Files.readAttributes(socket, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            return "is " + attributes.owner().getName() + ":"
                    + attributes.group().getName() + " " + PosixFilePermissions.toString(attributes.permissions());
        } catch (IOException | UnsupportedOperationException e) {
            return "exists";
        }
    }

    private static String user() {
        return "user " + System.getProperty("user.name") + ", groups " + groups();
    }

    /** The groups that this process has, which may be fewer than the user has by now. */
    private static String groups() {
        try {
            List<String> ids = new ArrayList<>();
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("Gid:") || line.startsWith("Groups:")) {
                    String[] words =
                            line.substring(line.indexOf(':') + 1).strip().split("\\s+");
                    ids.addAll(Arrays.asList(words).subList(0, line.startsWith("Gid:") ? 1 : words.length));
                }
            }
            Map<String, String> names = new HashMap<>();
            for (String line : Files.readAllLines(Path.of("/etc/group"))) {
                String[] fields = line.split(":");
                if (fields.length > 2) {
                    names.put(fields[2], fields[0]);
                }
            }
            return ids.stream()
                    .filter(id -> !id.isEmpty())
                    .distinct()
                    .map(id -> names.getOrDefault(id, id))
                    .collect(Collectors.joining(" "));
        } catch (IOException e) {
            return "unknown";
        }
    }

    private static String firstLine(Throwable cause) {
        return String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
    }
}
