package dev.agentvm.libvirt.internal.xml;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.helpers.DefaultHandler;

/**
 * The domain of a saved memory. To that memory belongs every address and every feature that libvirt once chose, so what is
 * changed is changed in the text of libvirt, and all else, known to {@link DomainXml} or not, stays as it is.
 */
public final class SavedDomain {
    private SavedDomain() {}

    /**
     * The same with other files behind a disk, and another mark of what is done in it.
     *
     * @param xml the domain, as libvirt tells it
     * @param disk the disk that has its target, with the files
     * @param activity what takes the place of the mark that it has, if it has one
     * @throws AgentVMException if there is no such disk, or that is no domain
     */
    public static String with(String xml, DomainXml.Disk disk, ActivityXml activity) {
        String name = Objects.requireNonNull(disk.target).dev;
        Document document = parse(xml);
        Element found = elements(document.getElementsByTagName("disk")).stream()
                .filter(one -> isAt(one, name))
                .findFirst()
                .orElseThrow(() -> failure("it has no disk " + name, null));
        Element wanted = parse(LibvirtXml.write(disk)).getDocumentElement();
        for (String part : new String[] {"source", "backingStore"}) {
            Element old = child(found, part);
            Element other = child(wanted, part);
            if (old != null) {
                found.removeChild(old);
            }
            if (other != null) {
                found.insertBefore(document.importNode(other, true), child(found, "target"));
            }
        }
        Element mark = parse(LibvirtXml.write(activity)).getDocumentElement();
        for (Element old : elements(document.getElementsByTagNameNS(ActivityXml.NAMESPACE, ActivityXml.ELEMENT))) {
            replaceAttributes(old, mark.getAttributes());
        }
        return text(document);
    }

    private static void replaceAttributes(Element element, NamedNodeMap attributes) {
        for (int i = 0; i < attributes.getLength(); i++) {
            element.setAttribute(
                    attributes.item(i).getNodeName(), attributes.item(i).getNodeValue());
        }
    }

    private static boolean isAt(Element disk, @Nullable String name) {
        Element target = child(disk, "target");
        return target != null && target.getAttribute("dev").equals(name);
    }

    private static List<Element> elements(NodeList nodes) {
        return IntStream.range(0, nodes.getLength())
                .mapToObj(nodes::item)
                .filter(Element.class::isInstance)
                .map(Element.class::cast)
                .toList();
    }

    private static @Nullable Element child(Element parent, String name) {
        for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element element && element.getTagName().equals(name)) {
                return element;
            }
        }
        return null;
    }

    private static Document parse(String xml) {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultNSInstance();
        try {
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            DocumentBuilder builder = factory.newDocumentBuilder();
            // Its own handler writes to the standard error.
            builder.setErrorHandler(new DefaultHandler());
            return builder.parse(new InputSource(new StringReader(xml)));
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("the JDK's own XML parser lacks a feature", e);
        } catch (SAXException | IOException e) {
            throw failure(String.valueOf(e.getMessage()), e);
        }
    }

    private static String text(Document document) {
        StringWriter text = new StringWriter();
        try {
            Transformer transformer = TransformerFactory.newDefaultInstance().newTransformer();
            transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
            transformer.transform(new DOMSource(document), new StreamResult(text));
        } catch (TransformerException e) {
            throw failure(String.valueOf(e.getMessage()), e);
        }
        return text.toString();
    }

    private static AgentVMException failure(String reason, @Nullable Exception cause) {
        return new AgentVMException(
                "Could not change the domain of a saved memory: " + reason, FailureContext.of("restore"), cause);
    }
}
