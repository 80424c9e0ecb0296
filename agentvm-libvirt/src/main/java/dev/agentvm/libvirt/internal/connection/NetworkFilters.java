package dev.agentvm.libvirt.internal.connection;

import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Network filters ({@code nwfilter}) and their bindings; errors, timeouts and threads as {@link Libvirt} says. */
public interface NetworkFilters {
    /** A filter. */
    record Info(String name, UUID uuid) {}

    /** A filter in force on a tap. */
    record Binding(String portDevice, String filterName, String xml) {}

    /**
     * Defines a filter, checking the XML against libvirt's schema; redefines the one of the same name and UUID, and
     * then libvirt puts it in force on every tap bound to it before it returns.
     */
    Info define(String xml);

    /** A filter by its name. */
    Optional<Info> lookup(String name);

    /** A filter by its UUID. */
    Optional<Info> lookup(UUID uuid);

    /** The XML of a filter, or empty if there is none of that name. */
    Optional<String> xml(String name);

    /** The names of all filters. */
    List<String> list();

    /**
     * Removes a filter.
     *
     * @return whether there was one; libvirt refuses while the filter is in use
     */
    boolean undefine(String name);

    /** What is bound to a tap, or empty if nothing is. */
    Optional<Binding> binding(String portDevice);
}
