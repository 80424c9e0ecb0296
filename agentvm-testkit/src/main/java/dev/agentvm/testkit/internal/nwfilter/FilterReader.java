package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Action;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Direction;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Entry;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Item;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Reference;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition.Rule;
import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Attr;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.ErrorHandler;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

/** Reads filters as libvirt's own parser does, that is without a schema: what it does not know, it skips. */
public final class FilterReader {
    private static final int LEAST_PRIORITY = -1000;
    private static final int MOST_PRIORITY = 1000;
    private static final int DEFAULT_RULE_PRIORITY = 500;
    private static final int MOST_CHAIN_NAME = 12;
    private static final Pattern CHAIN_NAME = Pattern.compile("[A-Za-z0-9_.:-]*");
    private static final List<String> CHAIN_PREFIXES = List.of("mac", "vlan", "stp", "arp", "rarp", "ipv4", "ipv6");
    // Spanning tree is missing from libvirt's table, though its schema and documentation say -810.
    private static final Map<String, Integer> CHAIN_PRIORITIES =
            Map.of("root", 0, "mac", -800, "vlan", -750, "ipv4", -700, "ipv6", -600, "arp", -500, "rarp", -400);
    private static final Set<Integer> PROTOCOLS_WITH_PORTS =
            Set.of(IpProtocol.TCP, IpProtocol.UDP, IpProtocol.DCCP, IpProtocol.SCTP);
    private static final Pattern VARIABLE_NAME = Pattern.compile("[A-Za-z0-9_]*");
    private static final Pattern VARIABLE_VALUE = Pattern.compile("[A-Za-z0-9_.:]+");

    private FilterReader() {}

    /**
     * Reads one filter.
     *
     * @throws dev.agentvm.testkit.NwfilterException if libvirt would refuse it, or the simulator cannot follow it
     */
    public static FilterDefinition read(String xml) {
        Element root = parse(xml);
        if (!root.getTagName().equals("filter")) {
            throw Refusal.define("the root element is <" + root.getTagName() + ">, not <filter>");
        }
        String name = attribute(root, "name");
        if (name == null || name.isEmpty()) {
            throw Refusal.define("filter has no name");
        }
        String where = "filter '" + name + "'";
        List<String> notes = new ArrayList<>();
        for (String unknown : unknownAttributes(root, Set.of("name", "chain", "priority"))) {
            notes.add("libvirt ignores the attribute " + unknown + " of <filter>");
        }
        OptionalInt priority = chainPriority(root, where);
        String chain = Optional.ofNullable(attribute(root, "chain"))
                .filter(c -> !c.isEmpty())
                .orElse(null);
        int chainPriority = 0;
        if (chain != null) {
            String prefix = chainPrefix(chain, where);
            chainPriority = priority.orElseGet(() -> CHAIN_PRIORITIES.getOrDefault(prefix, 0));
        }
        List<Entry> entries = new ArrayList<>();
        for (Element child : children(root)) {
            switch (child.getTagName()) {
                case "rule" ->
                    entries.add(rule(
                            child,
                            name,
                            1
                                    + (int) entries.stream()
                                            .filter(Rule.class::isInstance)
                                            .count()));
                case "filterref" -> entries.add(reference(child, where));
                case "uuid" -> checkUuid(child, where);
                default -> notes.add("libvirt ignores the element <" + child.getTagName() + "> in <filter>");
            }
        }
        return new FilterDefinition(
                name,
                chain == null ? FilterDefinition.ROOT : chain,
                chainPriority,
                List.copyOf(entries),
                List.copyOf(notes));
    }

    private static Element parse(String xml) {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultInstance();
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            factory.setAttribute(XMLConstants.ACCESS_EXTERNAL_DTD, "");
            factory.setAttribute(XMLConstants.ACCESS_EXTERNAL_SCHEMA, "");
            factory.setXIncludeAware(false);
            factory.setExpandEntityReferences(false);
            DocumentBuilder builder = factory.newDocumentBuilder();
            builder.setErrorHandler(new Thrower());
            return builder.parse(new InputSource(new StringReader(xml))).getDocumentElement();
        } catch (SAXException e) {
            throw Refusal.define("not readable as XML: " + e.getMessage());
        } catch (ParserConfigurationException | IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static OptionalInt chainPriority(Element root, String where) {
        String text = attribute(root, "priority");
        if (text == null || text.isEmpty()) {
            return OptionalInt.empty();
        }
        OptionalInt priority = CNumbers.signed(text);
        if (priority.isEmpty()) {
            throw Refusal.define(where + ": could not parse chain priority '" + text + "'");
        }
        if (priority.getAsInt() < LEAST_PRIORITY || priority.getAsInt() > MOST_PRIORITY) {
            throw Refusal.define(where + ": chain priority " + text + " is outside [-1000,1000]");
        }
        return priority;
    }

    private static String chainPrefix(String chain, String where) {
        if (chain.length() > MOST_CHAIN_NAME) {
            throw Refusal.define(where + ": chain '" + chain + "' is longer than " + MOST_CHAIN_NAME + " characters");
        }
        if (!CHAIN_NAME.matcher(chain).matches()) {
            throw Refusal.define(where + ": chain '" + chain + "' contains invalid characters");
        }
        if (chain.equals(FilterDefinition.ROOT)) {
            return chain;
        }
        return CHAIN_PREFIXES.stream()
                .filter(chain::startsWith)
                .findFirst()
                .orElseThrow(() -> Refusal.define(
                        where + ": chain '" + chain + "' is neither root nor begins with one of " + CHAIN_PREFIXES));
    }

    private static void checkUuid(Element child, String where) {
        try {
            UUID.fromString(child.getTextContent().strip());
        } catch (IllegalArgumentException e) {
            throw Refusal.define(where + ": malformed uuid '" + child.getTextContent() + "'");
        }
    }

    private static Reference reference(Element element, String where) {
        String filter = attribute(element, "filter");
        if (filter == null) {
            throw Refusal.define(where + ": a <filterref> has no attribute filter");
        }
        Map<String, List<String>> parameters = new LinkedHashMap<>();
        List<String> notes = new ArrayList<>();
        for (Element child : children(element)) {
            String name = attribute(child, "name");
            String value = attribute(child, "value");
            if (!child.getTagName().equals("parameter")) {
                notes.add("libvirt ignores the element <" + child.getTagName() + "> in <filterref>");
            } else if (name == null || value == null || !isParameter(name, value)) {
                notes.add("libvirt skips the invalid parameter " + name + "='" + value + "'");
            } else {
                parameters.computeIfAbsent(name, n -> new ArrayList<>()).add(value);
            }
        }
        return new Reference(filter, parameters, notes);
    }

    /** Whether libvirt takes the parameter; it skips others without an error. */
    public static boolean isParameter(String name, String value) {
        return VARIABLE_NAME.matcher(name).matches()
                && VARIABLE_VALUE.matcher(value).matches();
    }

    private static Rule rule(Element element, String filter, int number) {
        String where = "rule " + number + " of filter '" + filter + "'";
        List<String> notes = new ArrayList<>();
        for (String unknown : unknownAttributes(element, Set.of("action", "direction", "priority", "statematch"))) {
            notes.add("libvirt ignores the attribute " + unknown + " of <rule>");
        }
        Action action = word(Action.class, element, "action", where);
        Direction direction = word(Direction.class, element, "direction", where);
        int priority = rulePriority(element, notes);
        String stateMatch = attribute(element, "statematch");
        boolean noStateMatch = stateMatch != null && (stateMatch.equals("0") || stateMatch.equalsIgnoreCase("false"));

        Items items = new Items(where, notes);
        RuleElement kind = RuleElement.NONE;
        for (Element child : children(element)) {
            String name = child.getTagName();
            if (RuleElement.UNMODELLED.contains(name) && kind == RuleElement.NONE) {
                throw Refusal.notModelled(where + ": element <" + name + ">");
            }
            Optional<RuleElement> known = RuleElement.named(name);
            if (known.isPresent() && (kind == RuleElement.NONE || kind == known.get())) {
                kind = known.get();
                items.read(child, kind);
            } else if (known.isPresent() || RuleElement.UNMODELLED.contains(name)) {
                notes.add("libvirt ignores <" + name + ">: the rule is already one of <" + kind.element() + ">");
            } else {
                notes.add("libvirt ignores the unknown element <" + name + ">");
            }
        }
        if (kind == RuleElement.NONE && !children(element).isEmpty()) {
            notes.add("without an element that libvirt knows, the rule matches every frame");
        }
        items.fixUp(kind);
        return new Rule(
                filter,
                number,
                action,
                direction,
                priority,
                noStateMatch,
                items.states,
                kind,
                Map.copyOf(items.items),
                List.copyOf(items.variables),
                List.copyOf(notes));
    }

    private static int rulePriority(Element element, List<String> notes) {
        String text = attribute(element, "priority");
        if (text == null) {
            return DEFAULT_RULE_PRIORITY;
        }
        OptionalInt priority = CNumbers.signed(text);
        if (priority.isPresent() && priority.getAsInt() >= LEAST_PRIORITY && priority.getAsInt() <= MOST_PRIORITY) {
            return priority.getAsInt();
        }
        notes.add("priority '" + text + "' is not in [-1000,1000]: libvirt silently takes " + DEFAULT_RULE_PRIORITY);
        return DEFAULT_RULE_PRIORITY;
    }

    private static <E extends Enum<E>> E word(Class<E> type, Element element, String attribute, String where) {
        String text = attribute(element, attribute);
        return Arrays.stream(type.getEnumConstants())
                .filter(e -> e.name().toLowerCase(java.util.Locale.ROOT).equals(text))
                .findFirst()
                .orElseThrow(() -> Refusal.define(where + ": " + attribute + " is "
                        + (text == null ? "missing" : "'" + text + "', which libvirt does not know")));
    }

    private static @Nullable String attribute(Element element, String name) {
        return element.hasAttribute(name) ? element.getAttribute(name) : null;
    }

    private static List<String> unknownAttributes(Element element, Set<String> known) {
        List<String> unknown = new ArrayList<>();
        for (int i = 0; i < element.getAttributes().getLength(); i++) {
            String name = ((Attr) element.getAttributes().item(i)).getName();
            if (!known.contains(name)) {
                unknown.add(name);
            }
        }
        return unknown;
    }

    private static List<Element> children(Element element) {
        List<Element> children = new ArrayList<>();
        for (Node node = element.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element child) {
                children.add(child);
            }
        }
        return children;
    }

    /** The attributes of a rule's elements as they are gathered; a later element of the same name overrides. */
    private static final class Items {
        /** The flag that libvirt supplies where it is missing lacks a type, on which the printing later fails. */
        private static final Item UNPRINTABLE = new Item(null, null, false);

        private final String where;
        private final List<String> notes;
        private final Map<String, Item> items = new LinkedHashMap<>();
        private final LinkedHashSet<VariableAccess> variables = new LinkedHashSet<>();
        private final Set<State> states = EnumSet.noneOf(State.class);

        Items(String where, List<String> notes) {
            this.where = where;
            this.notes = notes;
        }

        void read(Element element, RuleElement kind) {
            String match = attribute(element, "match");
            boolean negated = "no".equals(match);
            for (Map.Entry<String, AttributeType> known : kind.attributes().entrySet()) {
                String text = attribute(element, known.getKey());
                if (text != null) {
                    items.put(known.getKey(), item(kind, known.getKey(), known.getValue(), text, negated));
                }
            }
            for (String name : unknownAttributes(element, kind.attributes().keySet())) {
                if (kind.unmodelled().contains(name)) {
                    throw Refusal.notModelled(where + ": attribute " + name + " of <" + kind.element() + ">");
                }
                if (!name.equals("match")) {
                    notes.add("libvirt ignores the attribute " + name + " of <" + kind.element() + ">");
                }
            }
            checkPorts(kind);
        }

        private Item item(RuleElement kind, String name, AttributeType type, String text, boolean negated) {
            if (text.startsWith("$")) {
                VariableAccess access = VariableAccess.parse(text.substring(1))
                        .orElseThrow(() -> Refusal.define(where + ": " + name + " has illegal value " + text));
                variables.add(access);
                return new Item(null, access, negated);
            }
            String value = type.read(text)
                    .orElseThrow(() -> Refusal.define(
                            where + ": " + name + " of <" + kind.element() + "> has illegal value " + text));
            if (type == AttributeType.STATE) {
                states.addAll(State.parse(text).orElseThrow());
            }
            if (type == AttributeType.IPV4 && !value.equals(text)) {
                notes.add("libvirt reads " + name + "='" + text + "' as " + value);
            }
            if (type == AttributeType.COMMENT && value.length() < text.length()) {
                notes.add("libvirt cuts the comment at " + value.length() + " characters");
            }
            return new Item(value, null, negated);
        }

        private void checkPorts(RuleElement kind) {
            boolean frame = kind == RuleElement.IP || kind == RuleElement.IPV6_;
            boolean ports = List.of("srcportstart", "srcportend", "dstportstart", "dstportend").stream()
                    .anyMatch(items::containsKey);
            if (!frame || !ports) {
                return;
            }
            Item protocol = items.get("protocol");
            String number = protocol == null ? null : protocol.literal();
            if (number == null || !PROTOCOLS_WITH_PORTS.contains(Integer.parseInt(number))) {
                throw Refusal.define(where + ": <" + kind.element()
                        + "> with ports requires the attribute protocol with tcp(6), udp(17), dccp(33) or sctp(132)");
            }
        }

        /** What libvirt does to a rule after reading it: two well-meant repairs, both wrong. */
        void fixUp(RuleElement kind) {
            boolean packetPorts = switch (kind) {
                case TCP, UDP, SCTP, TCP_IPV6, UDP_IPV6, SCTP_IPV6 -> true;
                default -> false;
            };
            Item destination = items.get("dstportstart");
            if (packetPorts && destination != null) {
                Item source = items.get("srcportstart");
                boolean negated = source != null && source.negated();
                if (negated != destination.negated()) {
                    notes.add("libvirt copies the sign of the source port: the destination port is "
                            + (negated ? "negated" : "not negated"));
                }
                items.put("dstportstart", new Item(destination.literal(), destination.variable(), negated));
            }
            fixUpSet(kind);
        }

        private void fixUpSet(RuleElement kind) {
            Item set = items.get("ipset");
            Item flags = items.get("ipsetflags");
            if (set == null && flags == null) {
                return;
            }
            if (kind == RuleElement.ALL || kind == RuleElement.ALL_IPV6) {
                if (set == null || flags == null) {
                    notes.add("ipset and ipsetflags are not both there: libvirt writes no set match");
                } else if (set.negated()) {
                    notes.add("libvirt cannot negate a set: the match is positive");
                }
                return;
            }
            if (set != null && flags == null) {
                items.put("ipsetflags", UNPRINTABLE);
                return;
            }
            notes.add("libvirt loses ipset and ipsetflags of <" + kind.element() + ">: there is no set match");
            items.remove("ipset");
            items.remove("ipsetflags");
        }
    }

    private static final class Thrower implements ErrorHandler {
        @Override
        public void warning(SAXParseException exception) {}

        @Override
        public void error(SAXParseException exception) throws SAXParseException {
            throw exception;
        }

        @Override
        public void fatalError(SAXParseException exception) throws SAXParseException {
            throw exception;
        }
    }
}
