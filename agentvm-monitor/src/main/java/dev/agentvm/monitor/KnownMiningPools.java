package dev.agentvm.monitor;

import java.util.Set;

/** Domains that serve miners of cryptocurrencies and little else. */
final class KnownMiningPools {
    private KnownMiningPools() {}

    private static final Set<String> DOMAINS = Set.of(
            "2miners.com",
            "antpool.com",
            "c3pool.com",
            "c3pool.org",
            "coin-hive.com",
            "coinhive.com",
            "crypto-loot.com",
            "crypto-pool.fr",
            "cryptoloot.pro",
            "dwarfpool.com",
            "ethermine.org",
            "f2pool.com",
            "flexpool.io",
            "flypool.org",
            "hashvault.pro",
            "herominers.com",
            "hiveon.net",
            "k1pool.com",
            "kryptex.network",
            "minergate.com",
            "minero.cc",
            "minexmr.com",
            "miningpoolhub.com",
            "miningrigrentals.com",
            "monerohash.com",
            "moneroocean.stream",
            "monerop.com",
            "monerpool.org",
            "nanopool.org",
            "nicehash.com",
            "p2pool.io",
            "poolin.com",
            "ppxxmr.com",
            "prohashing.com",
            "rplant.xyz",
            "slushpool.com",
            "sparkpool.com",
            "supportxmr.com",
            "unmineable.com",
            "viabtc.com",
            "webmine.cz",
            "woolypooly.com",
            "xmrpool.eu",
            "zergpool.com",
            "zpool.ca");

    static Set<String> domains() {
        return DOMAINS;
    }
}
