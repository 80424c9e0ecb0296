package dev.agentvm.libvirt.internal.network;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What iptables does with what the host forwards: the rules of {@code FORWARD} and of the chains that everything there
 * goes through, less libvirt's own, in their order. Conditions that it does not know it takes for such as do not hold.
 */
final class ForwardRules {
    /** Rules for networks; a jump to it tells where libvirt's rules begin. */
    private static final String NETWORKS_IN = "-j LIBVIRT_FWI";

    private static final Pattern COMMENT = Pattern.compile("-m comment --comment (\"[^\"]*\"|\\S+) ");
    private static final Pattern REFUSAL = Pattern.compile("-j (DROP|REJECT.*)");

    private final List<Rule> rules = new ArrayList<>();
    private final boolean networksOfLibvirt;
    private final boolean goesToLibvirt;
    private final boolean dropsByPolicy;
    private @Nullable Rule refusal;

    /**
     * A rule of a chain.
     *
     * @param printed all of it, as iptables takes it too
     * @param text what it does, less its comment
     */
    private record Rule(String printed, String text) {
        @Override
        public String toString() {
            return printed;
        }
    }

    private ForwardRules(List<String> lines) {
        this.networksOfLibvirt = lines.stream().anyMatch(line -> line.startsWith("-A LIBVIRT_FWI "));
        this.goesToLibvirt = lines.contains("-A FORWARD " + NETWORKS_IN);
        this.dropsByPolicy = lines.contains("-P FORWARD DROP");
        walk("FORWARD", lines, new HashSet<>());
    }

    /** The rules of the table {@code filter} as {@code iptables -S} prints them. */
    static ForwardRules parse(String printed) {
        return new ForwardRules(printed.lines().toList());
    }

    /** Goes through a chain until nothing gets further. */
    private boolean walk(String chain, List<String> lines, Set<String> walked) {
        if (!walked.add(chain)) {
            return true;
        }
        String prefix = "-A " + chain + " ";
        for (String line : lines) {
            if (!line.startsWith(prefix)) {
                continue;
            }
            Rule rule = new Rule(
                    line, COMMENT.matcher(line.substring(prefix.length())).replaceAll(""));
            if (REFUSAL.matcher(rule.text()).matches()) {
                refusal = rule;
                return false;
            }
            String target = rule.text().startsWith("-j ") ? rule.text().substring("-j ".length()) : "";
            boolean others = lines.contains("-N " + target) && !target.matches("LIBVIRT_.*|libvirt-.*");
            if (!others) {
                rules.add(rule);
            } else if (!walk(target, lines, walked)) {
                return false;
            }
        }
        return true;
    }

    /** Whether what no rule accepts is dropped. */
    boolean drops() {
        return dropsByPolicy || refusal != null;
    }

    /** The rule that refuses everything that gets to it, if there is one. */
    Optional<String> refusal() {
        return Optional.ofNullable(refusal).map(Rule::toString);
    }

    /** A rule that refuses everything ahead of libvirt's for its networks, which stay where they are once they are there. */
    Optional<String> refuseBeforeLibvirt() {
        return goesToLibvirt && !reachLibvirt() ? refusal() : Optional.empty();
    }

    private boolean reachLibvirt() {
        return rules.stream().anyMatch(rule -> rule.text().equals(NETWORKS_IN));
    }

    /** Whether a rule of others accepts answers to the VMs on that bridge. */
    boolean acceptAnswers(String bridge) {
        return accept("(-o " + Pattern.quote(bridge) + " )?" + state("RELATED,ESTABLISHED"));
    }

    /** Whether a rule of others accepts what the VMs on that bridge begin. */
    boolean acceptRequests(String bridge) {
        return accept("(-i " + Pattern.quote(bridge) + " )?" + "(! -o " + Pattern.quote(bridge) + " )?" + state("NEW"));
    }

    /** Whether a rule of others accepts what is bridged between that bridge's ports; of answers alone, if that is enough. */
    boolean acceptBridged(String bridge, boolean answersOnly) {
        String name = Pattern.quote(bridge);
        return accept("(-i " + name + " )?(-o " + name + " )?(-m physdev +--physdev-is-bridged )?"
                + (answersOnly ? state("RELATED,ESTABLISHED") : ""));
    }

    private static String state(String needed) {
        return "(-m (conntrack --ctstate|state --state) [A-Z,]*" + needed + "[A-Z,]* )?";
    }

    private boolean accept(String condition) {
        Pattern pattern = Pattern.compile(condition + "-j ACCEPT");
        return rules.stream().anyMatch(rule -> pattern.matcher(rule.text()).matches());
    }

    /** A rule that accepts all connections to that bridge ahead of libvirt's for its networks, if these are there. */
    Optional<String> acceptBeforeLibvirt(String bridge) {
        if (!reachLibvirt()) {
            return Optional.empty();
        }
        return rules.stream()
                .takeWhile(rule -> !rule.text().equals(NETWORKS_IN))
                .filter(rule -> rule.text().equals("-j ACCEPT") || rule.text().equals("-o " + bridge + " -j ACCEPT"))
                .map(Rule::toString)
                .findFirst();
    }

    /** Whether a network of libvirt has rules here. */
    boolean holdNetworksOfLibvirt() {
        return networksOfLibvirt;
    }
}
