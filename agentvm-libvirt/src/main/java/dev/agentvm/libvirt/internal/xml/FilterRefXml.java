package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlElement;
import jakarta.xml.bind.annotation.XmlType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code <filterref>}: the use of a filter, in an interface, a binding or another filter. */
@XmlType(name = "filterref")
public final class FilterRefXml implements FilterXml.Entry {
    @XmlAttribute
    public @Nullable String filter;

    @XmlElement(name = "parameter")
    public List<Parameter> parameters = new ArrayList<>();

    /** The use of the filter of that name. */
    public static FilterRefXml to(String filter) {
        FilterRefXml ref = new FilterRefXml();
        ref.filter = filter;
        return ref;
    }

    /** Adds a parameter; the same name again makes a list of values. */
    public FilterRefXml with(String name, String value) {
        Parameter parameter = new Parameter();
        parameter.name = name;
        parameter.value = value;
        parameters.add(parameter);
        return this;
    }

    /** A value for a variable of the filter. libvirt skips one with a character outside {@code [A-Za-z0-9_.:]}. */
    @XmlType(name = "filterref.parameter")
    public static final class Parameter {
        @XmlAttribute
        public @Nullable String name;

        @XmlAttribute
        public @Nullable String value;
    }
}
