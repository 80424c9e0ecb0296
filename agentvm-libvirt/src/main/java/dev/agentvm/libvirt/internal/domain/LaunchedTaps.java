package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.VMNotFoundException;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.flowlog.TapAccess;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.attribute.UserPrincipal;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Taps of domains that bear this library's mark, for the user whom the mark names. libvirt keeps the mark; whoever may
 * change that of another's domain may do all else with it too.
 *
 * @param uri libvirt's connection URI
 */
public record LaunchedTaps(String uri) implements TapAccess {
    @Override
    public Optional<String> tap(UUID vm, UserPrincipal user) {
        LibvirtXml.prepare();
        String tap = Networking.tap(vm);
        // Connects anew each time, since libvirt may have been restarted.
        try (Libvirt libvirt = Libvirt.open(LibvirtOptions.of(uri))) {
            DomainXml domain =
                    LibvirtXml.read(libvirt.domains().xml(new DomainRef(vm, vm.toString())), DomainXml.class);
            return isOf(Parts.mark(domain).user, user)
                            && domain.devices.interfaces.stream()
                                    .anyMatch(card -> card.target != null && tap.equals(card.target.dev))
                    ? Optional.of(tap)
                    : Optional.empty();
        } catch (VMNotFoundException e) {
            return Optional.empty();
        }
    }

    /** Principals are compared by number; a number stands for a user of a name too. */
    private static boolean isOf(@Nullable Long number, UserPrincipal user) {
        if (number == null) {
            return false;
        }
        try {
            return FileSystems.getDefault()
                    .getUserPrincipalLookupService()
                    .lookupPrincipalByName(Long.toString(number))
                    .equals(user);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
