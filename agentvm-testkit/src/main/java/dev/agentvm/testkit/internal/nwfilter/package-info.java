/**
 * How libvirt turns network filters into rules, and what the kernel does with the rules.
 *
 * <p>{@code FilterReader} reads a filter as libvirt's parser does, {@code Instantiation} resolves references and
 * variables, the two renderers write each rule as the command line that libvirt would run, {@code EbtablesOptions} and
 * {@code IptablesOptions} read those command lines as the tools do, and {@code Engine} leads packets through the chains.
 * Traps in libvirt are thus reproduced where libvirt has them. Everything is package-private unless the testkit's public
 * types need it.
 */
@NullMarked
package dev.agentvm.testkit.internal.nwfilter;

import org.jspecify.annotations.NullMarked;
