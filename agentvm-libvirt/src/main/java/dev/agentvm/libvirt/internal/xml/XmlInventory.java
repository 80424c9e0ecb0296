package dev.agentvm.libvirt.internal.xml;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.xml.sax.Attributes;
import org.xml.sax.SAXParseException;
import org.xml.sax.helpers.DefaultHandler;

/** Everything that stands in a document, as paths: what is in one inventory and not in another was lost between. */
final class XmlInventory extends DefaultHandler {
    private final List<Item> items = new ArrayList<>();
    private final Deque<Frame> open = new ArrayDeque<>();

    /** Items of this inventory that the other lacks. Of an element that is missing, only the element itself. */
    List<String> without(XmlInventory other) {
        Map<String, Integer> there = new HashMap<>();
        other.items.forEach(item -> there.merge(item.path, 1, Integer::sum));
        List<String> missing = new ArrayList<>();
        Set<Item> gone = new HashSet<>();
        for (Item item : items) {
            if (item.parent != null && gone.contains(item.parent)) {
                gone.add(item);
            } else if (there.merge(item.path, -1, Integer::sum) < 0) {
                gone.add(item);
                missing.add(item.path);
            }
        }
        return missing;
    }

    @Override
    public void startElement(String uri, String localName, String qName, Attributes attributes) {
        Frame around = open.peek();
        // A namespace is part of the name, its prefix is not.
        String name = uri.isEmpty() ? localName : "{" + uri + "}" + localName;
        Item element = new Item(
                (around == null ? "" : around.element.path) + "/" + name, around == null ? null : around.element);
        items.add(element);
        for (int i = 0; i < attributes.getLength(); i++) {
            items.add(new Item(
                    element.path + "/@" + attributes.getLocalName(i) + "='" + attributes.getValue(i) + "'", element));
        }
        open.push(new Frame(element));
    }

    @Override
    public void characters(char[] characters, int start, int length) {
        open.element().text.append(characters, start, length);
    }

    @Override
    public void endElement(String uri, String localName, String qName) {
        Frame frame = open.pop();
        String text = frame.text.toString().strip();
        if (!text.isEmpty()) {
            items.add(new Item(frame.element.path + "='" + text + "'", frame.element));
        }
    }

    @Override
    public void fatalError(SAXParseException e) throws SAXParseException {
        throw e;
    }

    /** Compared by identity: two equal paths are two items. */
    private static final class Item {
        final String path;
        final @Nullable Item parent;

        Item(String path, @Nullable Item parent) {
            this.path = path;
            this.parent = parent;
        }
    }

    private static final class Frame {
        final Item element;
        final StringBuilder text = new StringBuilder();

        Frame(Item element) {
            this.element = element;
        }
    }
}
