package dev.agentvm.libvirt.internal.xml;

import com.thaiopensource.util.PropertyMapBuilder;
import com.thaiopensource.validate.Schema;
import com.thaiopensource.validate.SchemaReader;
import com.thaiopensource.validate.ValidateProperty;
import com.thaiopensource.validate.Validator;
import com.thaiopensource.validate.rng.SAXSchemaReader;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.parsers.SAXParserFactory;
import org.xml.sax.Attributes;
import org.xml.sax.ErrorHandler;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;
import org.xml.sax.XMLReader;
import org.xml.sax.helpers.DefaultHandler;

/**
 * libvirt's own RELAX NG schemas, to check XML by. Each is loaded once, at first use.
 *
 * <p>They come with libvirt's library package. Another directory can be named by the system property
 * {@value #DIRECTORY_PROPERTY}. Without schemas every check fails; none is skipped.
 */
public enum Schemas {
    DOMAIN("domain", "domain.rng"),
    NETWORK("network", "network.rng"),
    NWFILTER("filter", "nwfilter.rng"),
    NWFILTERBINDING("filterbinding", "nwfilterbinding.rng"),
    STORAGE_POOL("pool", "storagepool.rng"),
    STORAGE_VOLUME("volume", "storagevol.rng"),
    DOMAIN_SNAPSHOT("domainsnapshot", "domainsnapshot.rng"),
    DOMAIN_CAPS("domainCapabilities", "domaincaps.rng"),
    CAPABILITIES("capabilities", "capability.rng");

    /** Names the directory of the schemas. */
    public static final String DIRECTORY_PROPERTY = "agentvm.schemas";

    private static final String DEFAULT_DIRECTORY = "/usr/share/libvirt/schemas";

    private static final Map<Path, Schema> LOADED = new ConcurrentHashMap<>();

    private final String root;
    private final String file;

    Schemas(String root, String file) {
        this.root = root;
        this.file = file;
    }

    /** What is wrong with {@code xml}, each with its place; empty if it is valid. */
    public List<String> validate(String xml) {
        List<String> errors = new ArrayList<>();
        ErrorHandler collector = new ErrorHandler() {
            @Override
            public void warning(SAXParseException e) {
                error(e);
            }

            @Override
            public void error(SAXParseException e) {
                errors.add("line " + e.getLineNumber() + ", column " + e.getColumnNumber() + ": " + e.getMessage());
            }

            @Override
            public void fatalError(SAXParseException e) {
                error(e);
            }
        };
        PropertyMapBuilder properties = new PropertyMapBuilder();
        properties.put(ValidateProperty.ERROR_HANDLER, collector);
        Validator validator = schema().createValidator(properties.toPropertyMap());
        try {
            XMLReader reader = reader();
            reader.setContentHandler(validator.getContentHandler());
            if (validator.getDTDHandler() != null) {
                reader.setDTDHandler(validator.getDTDHandler());
            }
            reader.setErrorHandler(collector);
            reader.parse(new InputSource(new StringReader(xml)));
        } catch (IOException e) {
            throw new AssertionError("reading a string failed", e);
        } catch (SAXException e) {
            if (errors.isEmpty()) {
                errors.add(String.valueOf(e.getMessage()));
            }
        }
        return List.copyOf(errors);
    }

    /** Fails, with all errors and the document, unless {@code xml} is valid by the schema of its root element. */
    public static void assertValid(String xml) {
        Schemas schema = of(xml);
        List<String> errors = schema.validate(xml);
        if (!errors.isEmpty()) {
            throw new AssertionError(
                    "not valid by " + schema.file + ":\n  " + String.join("\n  ", errors) + "\nin\n" + xml);
        }
    }

    /** The schema for the root element of {@code xml}. */
    static Schemas of(String xml) {
        String root = rootOf(xml);
        return Arrays.stream(values())
                .filter(schema -> schema.root.equals(root))
                .findFirst()
                .orElseThrow(() -> new AssertionError("libvirt has no schema for <" + root + ">"));
    }

    private Schema schema() {
        Path directory = Path.of(System.getProperty(DIRECTORY_PROPERTY, DEFAULT_DIRECTORY));
        return LOADED.computeIfAbsent(directory.resolve(file), path -> load(directory, file));
    }

    static Schema load(Path directory, String file) {
        Path path = directory.resolve(file);
        if (!Files.isReadable(path)) {
            throw new AssertionError(
                    "no schema " + path + ": install libvirt's library (Debian: apt-get install libvirt0;"
                            + " Fedora: libvirt-libs), or name the directory by -D" + DIRECTORY_PROPERTY + "=…");
        }
        SchemaReader reader = SAXSchemaReader.getInstance();
        PropertyMapBuilder properties = new PropertyMapBuilder();
        List<String> errors = new ArrayList<>();
        properties.put(ValidateProperty.ERROR_HANDLER, new ErrorHandler() {
            @Override
            public void warning(SAXParseException e) {
                errors.add(e.toString());
            }

            @Override
            public void error(SAXParseException e) {
                errors.add(e.toString());
            }

            @Override
            public void fatalError(SAXParseException e) {
                errors.add(e.toString());
            }
        });
        try {
            return reader.createSchema(new InputSource(path.toUri().toString()), properties.toPropertyMap());
        } catch (Exception e) {
            throw new AssertionError("cannot load " + path + ": " + errors, e);
        }
    }

    private static String rootOf(String xml) {
        String[] root = new String[1];
        try {
            DefaultHandler handler = new DefaultHandler() {
                @Override
                public void startElement(String uri, String localName, String qName, Attributes attributes) {
                    if (root[0] == null) {
                        root[0] = localName;
                    }
                }
            };
            XMLReader reader = reader();
            reader.setContentHandler(handler);
            reader.setErrorHandler(handler);
            reader.parse(new InputSource(new StringReader(xml)));
        } catch (SAXException | IOException e) {
            throw new AssertionError("not well-formed: " + e.getMessage() + "\nin\n" + xml, e);
        }
        return root[0];
    }

    private static XMLReader reader() throws SAXException {
        try {
            return SAXParserFactory.newDefaultNSInstance().newSAXParser().getXMLReader();
        } catch (ParserConfigurationException e) {
            throw new AssertionError("the JDK's own XML parser is unusable", e);
        }
    }
}
