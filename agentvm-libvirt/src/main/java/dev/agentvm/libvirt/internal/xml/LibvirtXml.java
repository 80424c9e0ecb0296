package dev.agentvm.libvirt.internal.xml;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import jakarta.xml.bind.JAXBContext;
import jakarta.xml.bind.JAXBException;
import jakarta.xml.bind.annotation.XmlRootElement;
import java.io.IOException;
import java.io.StringReader;
import java.util.List;
import java.util.stream.Collectors;
import javax.xml.XMLConstants;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.parsers.SAXParser;
import javax.xml.parsers.SAXParserFactory;
import javax.xml.transform.sax.SAXSource;
import org.jspecify.annotations.Nullable;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;
import org.xml.sax.helpers.DefaultHandler;

/**
 * Reads and writes libvirt's documents. Every XML text of the library passes through here.
 *
 * <p>Safe for use by many threads. The context is made at first use, once.
 */
public final class LibvirtXml {
    /** The longest string that libvirt's own protocol carries (VIR_NET_MESSAGE_STRING_MAX). */
    static final int MAX_LENGTH = 4 * 1024 * 1024;

    /** What newer JDKs limit it to by themselves; older ones do not. */
    private static final String MAX_DEPTH = "100";

    private static final List<Class<?>> DOCUMENTS = List.of(
            DomainXml.class,
            DomainXml.Disk.class,
            DomainXml.Interface.class,
            OwnerXml.class,
            ActivityXml.class,
            NetworkXml.class,
            NetworkXml.DhcpHost.class,
            FilterXml.class,
            FilterBindingXml.class,
            StoragePoolXml.class,
            StorageVolumeXml.class,
            DomainSnapshotXml.class,
            DomainCapabilitiesXml.class,
            CapabilitiesXml.class);

    private LibvirtXml() {}

    /**
     * Makes the context, if it is not made yet, and loads the classes behind it. That takes some 0.3 s, which a caller
     * can spend on another thread while it waits for something else.
     */
    public static void prepare() {
        read(write(new FilterXml()), FilterXml.class);
    }

    /**
     * The document as text: indented, without an XML header, the same text for the same content.
     *
     * @param document an instance of one of this package's document classes
     * @throws dev.agentvm.InvalidValueException if a value holds a character that XML cannot express; it names the place
     */
    public static String write(Object document) {
        XmlPrinter printer = new XmlPrinter();
        try {
            Holder.CONTEXT.createMarshaller().marshal(document, printer);
        } catch (JAXBException e) {
            throw failure("write", rootName(document.getClass()), e);
        }
        return printer.text();
    }

    /**
     * The document in {@code xml}. What the class has no field for is left out.
     *
     * @throws AgentVMException if it is no such document, is not well-formed, has a DTD, or is beyond any size that
     *     libvirt sends
     */
    public static <T> T read(String xml, Class<T> type) {
        String root = rootName(type);
        if (xml.length() > MAX_LENGTH) {
            throw failure("read", root, "it is " + xml.length() + " characters long, " + MAX_LENGTH + " are the limit");
        }
        Object document;
        try {
            document = Holder.CONTEXT
                    .createUnmarshaller()
                    .unmarshal(new SAXSource(parser().getXMLReader(), new InputSource(new StringReader(xml))));
        } catch (JAXBException | SAXException e) {
            throw failure("read", root, e);
        }
        if (!type.isInstance(document)) {
            throw failure("read", root, "it is a <" + rootName(document.getClass()) + "> document");
        }
        return type.cast(document);
    }

    /**
     * The document in {@code xml}, which must hold nothing that the class has no field for.
     *
     * @throws AgentVMException as {@link #read}, and if anything would be left out; it names what
     */
    public static <T> T readStrictly(String xml, Class<T> type) {
        T document = read(xml, type);
        List<String> lost = unread(xml, document);
        if (!lost.isEmpty()) {
            throw failure("read", rootName(type), "not understood: " + String.join(", ", lost));
        }
        return document;
    }

    /**
     * What a {@link #read} of {@code xml} leaves out: paths of elements, attributes and texts, in the order of the
     * document. Empty if nothing is lost.
     */
    public static List<String> unread(String xml, Class<?> type) {
        return unread(xml, read(xml, type));
    }

    private static List<String> unread(String xml, Object document) {
        XmlInventory given = inventory(xml, document);
        XmlInventory kept = inventory(write(document), document);
        return given.without(kept);
    }

    private static XmlInventory inventory(String xml, Object document) {
        XmlInventory inventory = new XmlInventory();
        parse(xml, inventory, rootName(document.getClass()));
        return inventory;
    }

    private static void parse(String xml, DefaultHandler handler, String root) {
        try {
            parser().parse(new InputSource(new StringReader(xml)), handler);
        } catch (SAXException | IOException e) {
            throw failure("read", root, e);
        }
    }

    /** libvirt sends no DTD and no entities, so nothing that could open another file gets past the parser. */
    private static SAXParser parser() throws SAXException {
        SAXParserFactory factory = SAXParserFactory.newDefaultNSInstance();
        try {
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            factory.setFeature("http://xml.org/sax/features/external-general-entities", false);
            factory.setFeature("http://xml.org/sax/features/external-parameter-entities", false);
            SAXParser parser = factory.newSAXParser();
            parser.setProperty("http://www.oracle.com/xml/jaxp/properties/maxElementDepth", MAX_DEPTH);
            return parser;
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("the JDK's own XML parser lacks a feature", e);
        }
    }

    private static String rootName(Class<?> type) {
        XmlRootElement root = type.getAnnotation(XmlRootElement.class);
        if (root == null || !DOCUMENTS.contains(type)) {
            throw new IllegalArgumentException(type.getName() + " is no document");
        }
        return root.name();
    }

    private static AgentVMException failure(String verb, String root, String reason) {
        return failure(verb, root, reason, null);
    }

    private static AgentVMException failure(String verb, String root, Exception cause) {
        Throwable inner = cause;
        while (inner instanceof JAXBException && inner.getCause() != null) {
            inner = inner.getCause();
        }
        String reason = inner instanceof SAXParseException at
                ? "line " + at.getLineNumber() + ", column " + at.getColumnNumber() + ": " + at.getMessage()
                : String.valueOf(inner.getMessage());
        return failure(verb, root, reason, cause);
    }

    private static AgentVMException failure(String verb, String root, String reason, @Nullable Exception cause) {
        return new AgentVMException(
                "Could not " + verb + " a <" + root + "> document: " + reason,
                FailureContext.of(verb + " <" + root + ">"),
                cause);
    }

    /**
     * JAXB looks for its implementation by the thread's context class loader. In a plugin host that one knows nothing of
     * our dependencies, so the search is made with the loader that loaded us.
     */
    private static final class Holder {
        static final JAXBContext CONTEXT = create();

        private static JAXBContext create() {
            Thread thread = Thread.currentThread();
            ClassLoader before = thread.getContextClassLoader();
            thread.setContextClassLoader(LibvirtXml.class.getClassLoader());
            try {
                return JAXBContext.newInstance(DOCUMENTS.toArray(Class<?>[]::new));
            } catch (JAXBException e) {
                throw new IllegalStateException(
                        "no XML binding for "
                                + DOCUMENTS.stream().map(Class::getSimpleName).collect(Collectors.joining(", ")),
                        e);
            } finally {
                thread.setContextClassLoader(before);
            }
        }
    }
}
