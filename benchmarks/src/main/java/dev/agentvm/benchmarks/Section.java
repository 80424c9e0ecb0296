package dev.agentvm.benchmarks;

import java.util.List;

/**
 * What one benchmark found.
 *
 * @param name the name of its place in the document
 * @param text its figures as Markdown
 * @param exceeded the budgets that it exceeds, each in a sentence
 */
record Section(String name, String text, List<String> exceeded) {
    Section {
        exceeded = List.copyOf(exceeded);
    }
}
