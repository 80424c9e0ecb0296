package dev.agentvm.libvirt.internal.guest;

import java.util.Optional;

/**
 * The private directory in the guest where commands' files are.
 *
 * @param directory its path
 * @param setsid the guest's {@code setsid} program, if it has one
 * @param path the agent's PATH
 */
record Workspace(String directory, Optional<String> setsid, String path) {}
