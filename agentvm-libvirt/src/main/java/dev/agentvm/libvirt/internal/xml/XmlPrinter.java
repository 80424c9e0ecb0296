package dev.agentvm.libvirt.internal.xml;

import dev.agentvm.InvalidValueException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.xml.sax.Attributes;
import org.xml.sax.SAXException;
import org.xml.sax.helpers.DefaultHandler;

/**
 * Turns events into indented text.
 *
 * <p>The serialisers at hand write characters that XML cannot express, turn line ends in attributes into spaces, and
 * declare at every root each namespace that the binding knows of. This one refuses the first, keeps the second, and
 * declares a namespace where it is used, with the prefix that its readers expect.
 */
final class XmlPrinter extends DefaultHandler {
    private static final Map<String, String> PREFIXES = Map.of(
            OwnerXml.NAMESPACE, OwnerXml.PREFIX,
            ActivityXml.NAMESPACE, ActivityXml.PREFIX,
            NetworkXml.DNSMASQ_NAMESPACE, NetworkXml.DNSMASQ_PREFIX);

    private static final String INDENT = "  ";

    private final StringBuilder out = new StringBuilder();
    private final StringBuilder content = new StringBuilder();
    private final Deque<Element> open = new ArrayDeque<>();

    /** The whole document. */
    String text() {
        return out.toString();
    }

    @Override
    public void startElement(String uri, String localName, String qName, Attributes attributes) throws SAXException {
        Element parent = open.peek();
        if (parent != null) {
            if (!content.isEmpty()) {
                throw new SAXException("text beside an element in <" + parent.name + ">");
            }
            if (!parent.hasChildren) {
                parent.hasChildren = true;
                out.append(">\n");
            }
        }
        String prefix = prefix(uri);
        String name = prefix.isEmpty() ? localName : prefix + ':' + localName;
        Element element = new Element(name, parent, prefix);
        indent();
        out.append('<').append(name);
        if (!prefix.isEmpty() && (parent == null || !parent.declares(prefix))) {
            attribute("xmlns:" + prefix, uri);
        }
        open.push(element);
        for (int i = 0; i < attributes.getLength(); i++) {
            String attribute = attributes.getLocalName(i);
            if (!attributes.getURI(i).isEmpty()) {
                throw new SAXException("an attribute with a namespace, " + attributes.getQName(i));
            }
            check(attributes.getValue(i), attribute);
            attribute(attribute, attributes.getValue(i));
        }
    }

    @Override
    public void characters(char[] characters, int start, int length) {
        content.append(characters, start, length);
    }

    @Override
    public void endElement(String uri, String localName, String qName) {
        Element element = open.element();
        if (element.hasChildren) {
            open.pop();
            indent();
            out.append("</").append(element.name).append(">\n");
            return;
        }
        if (content.isEmpty()) {
            out.append("/>\n");
        } else {
            String text = content.toString();
            content.setLength(0);
            check(text, null);
            out.append('>');
            escape(text, false);
            out.append("</").append(element.name).append(">\n");
        }
        open.pop();
    }

    private static String prefix(String uri) throws SAXException {
        if (uri.isEmpty()) {
            return "";
        }
        String prefix = PREFIXES.get(uri);
        if (prefix == null) {
            throw new SAXException("no prefix for the namespace " + uri);
        }
        return prefix;
    }

    private void indent() {
        out.append(INDENT.repeat(open.size()));
    }

    private void attribute(String name, String value) {
        out.append(' ').append(name).append("=\"");
        escape(value, true);
        out.append('"');
    }

    /** A reader turns an unescaped carriage return into a line feed, and in an attribute any line end into a space. */
    private void escape(String value, boolean attribute) {
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append(attribute ? "&quot;" : "\"");
                case '\r' -> out.append("&#13;");
                case '\n' -> out.append(attribute ? "&#10;" : "\n");
                case '\t' -> out.append(attribute ? "&#9;" : "\t");
                default -> out.append(c);
            }
        }
    }

    private void check(String value, @Nullable String attribute) {
        for (int i = 0; i < value.length(); ) {
            int c = value.codePointAt(i);
            if (!isXml(c)) {
                throw new InvalidValueException(
                        place(attribute), value, String.format("XML cannot express the character U+%04X", c));
            }
            i += Character.charCount(c);
        }
    }

    /** Char of XML 1.0. A lone surrogate is its own code point, and none of these. */
    private static boolean isXml(int c) {
        return c == '\t'
                || c == '\n'
                || c == '\r'
                || (c >= 0x20 && c <= 0xD7FF)
                || (c >= 0xE000 && c <= 0xFFFD)
                || c >= 0x10000;
    }

    private String place(@Nullable String attribute) {
        List<String> path = new ArrayList<>();
        open.descendingIterator().forEachRemaining(element -> path.add(element.name));
        if (attribute != null) {
            path.add("@" + attribute);
        }
        return String.join("/", path);
    }

    private static final class Element {
        final String name;
        private final @Nullable Element parent;
        private final String prefix;
        boolean hasChildren;

        Element(String name, @Nullable Element parent, String prefix) {
            this.name = name;
            this.parent = parent;
            this.prefix = prefix;
        }

        /** Whether the prefix is declared here or around. */
        boolean declares(String wanted) {
            return prefix.equals(wanted) || (parent != null && parent.declares(wanted));
        }
    }
}
