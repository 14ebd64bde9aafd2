import Foundation

/// The environment that git runs in: nothing of the caller's but what git, ssh and TLS need, and nothing that asks.
struct GitEnvironment: Sendable {
    /// Handed on where set: search path, identity, ssh agent, proxies and certificates. `GIT_SSH_COMMAND` gets options
    /// appended, so that a deploy key chosen with it goes on working.
    static let handedOn = [
        "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "GIT_SSL_CAINFO", "GIT_EXEC_PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ]
    static let sshOptions = "-o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10 -o ServerAliveCountMax=3"

    struct Setting: Hashable, Sendable {
        var key: String
        var value: String

        init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// Settings of one call, whatever the user's own git configuration says.
    static let settings =
        [
            Setting("core.hooksPath", "/dev/null"),
            Setting("core.fsmonitor", "false"),
            Setting("credential.interactive", "false"),
            Setting("fetch.recurseSubmodules", "false"),
            Setting("fetch.writeCommitGraph", "false"),
            // Collected by the repository itself, when a look has found nothing new.
            Setting("gc.auto", "0"),
            Setting("maintenance.auto", "false"),
            Setting("http.lowSpeedLimit", "1000"),
            Setting("http.lowSpeedTime", "30"),
            // Headers and credentials of the one host would go along, and `http-alternates` leads away, too.
            Setting("http.followRedirects", "false"),
            Setting("transfer.bundleURI", "false"),
            Setting("safe.directory", "*"),
            // One pack a fetch: one file whose size a limit of the system bounds.
            Setting("fetch.unpackLimit", "1"),
            Setting("transfer.unpackLimit", "1"),
        ] + memory.map { Setting($0.key, $0.value) }

    /// One thread, and little memory: a repository is not to hold others up. Also for the other end of a local fetch.
    static let memory = [
        Setting("pack.threads", "1"),
        Setting("pack.windowMemory", "32m"),
        Setting("pack.deltaCacheSize", "16m"),
        Setting("core.bigFileThreshold", "1m"),
        Setting("core.packedGitWindowSize", "32m"),
        Setting("core.packedGitLimit", "256m"),
        Setting("core.deltaBaseCacheLimit", "32m"),
    ]

    private let inherited: [String: String]
    private let transport: GitLocation.Transport

    init(inherited: [String: String], location: GitLocation) {
        var variables = inherited.filter { Self.handedOn.contains($0.key) }
        variables["GIT_TERMINAL_PROMPT"] = "0"
        // Set but empty: git then asks no program, whatever core.askPass or SSH_ASKPASS say.
        variables["GIT_ASKPASS"] = ""
        variables["GIT_CONFIG_NOSYSTEM"] = "1"
        variables["GIT_SSH_COMMAND"] = "\(inherited["GIT_SSH_COMMAND"] ?? "ssh") \(Self.sshOptions)"
        variables["GIT_LITERAL_PATHSPECS"] = "1"
        variables["GIT_NO_LAZY_FETCH"] = "1"
        variables["GIT_OPTIONAL_LOCKS"] = "0"
        variables["LC_ALL"] = "C"
        self.inherited = variables
        transport = location.transport
    }

    /// - Parameters:
    ///   - reaches: whom git may talk to.
    ///   - more: settings of this call; they come last.
    func variables(reaches: GitReach, settings more: [Setting] = []) -> [String: String] {
        var variables = inherited
        switch reaches {
        case .nobody: variables["GIT_ALLOW_PROTOCOL"] = "none"
        case .source, .sourceAsStranger:
            // Both, because the user's configuration may turn one into the other (url.….insteadOf).
            variables["GIT_ALLOW_PROTOCOL"] = transport == .file ? "file" : "https:ssh"
        }
        if reaches == .sourceAsStranger {
            variables["GIT_CONFIG_GLOBAL"] = "/dev/null"
            variables["HOME"] = "/nonexistent"
            variables["XDG_CONFIG_HOME"] = nil
        }
        let settings = Self.settings + more
        variables["GIT_CONFIG_COUNT"] = String(settings.count)
        for (index, setting) in settings.enumerated() {
            variables["GIT_CONFIG_KEY_\(index)"] = setting.key
            variables["GIT_CONFIG_VALUE_\(index)"] = setting.value
        }
        return variables
    }
}

/// Whom a call of git may talk to.
enum GitReach: Hashable, Sendable {
    case nobody
    /// With the credentials that are for it.
    case source
    /// Without any, and without the user's configuration, in which there may be some.
    case sourceAsStranger
}
