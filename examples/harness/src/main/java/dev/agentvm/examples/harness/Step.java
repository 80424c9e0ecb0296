package dev.agentvm.examples.harness;

import dev.agentvm.ExitStatus;

/**
 * One command of an agent, and what came of it.
 *
 * @param command a line for the guest's shell
 * @param status how it ended
 * @param output what it wrote, or the beginning and the end of it
 */
public record Step(String command, ExitStatus status, String output) {}
