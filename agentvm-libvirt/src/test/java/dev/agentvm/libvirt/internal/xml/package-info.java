/** Tests of the documents, and the schemas that tests of this module check documents by. */
@NullMarked
package dev.agentvm.libvirt.internal.xml;

import org.jspecify.annotations.NullMarked;
