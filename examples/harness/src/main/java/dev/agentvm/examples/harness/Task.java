package dev.agentvm.examples.harness;

/**
 * What an agent is asked to do.
 *
 * @param repository where the code is, in a form that {@code git clone} takes
 * @param instruction what to do with it, in words that the agent understands
 */
public record Task(String repository, String instruction) {}
