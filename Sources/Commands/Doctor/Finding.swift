/// What `mlctl doctor` looks at. The names stand in scripts: they stay.
enum CheckID: String, CaseIterable, Codable, Sendable {
    case settingsRead = "settings.read"
    case settingsMode = "settings.mode"
    case stateMode = "state.mode"
    case stateSecrets = "state.secrets"
    case secretMode = "secret.mode"
    case controllerRunning = "controller.running"
    case controllerCrash = "controller.crash"
    case tokenStrength = "token.strength"
    case tokenTwice = "token.twice"
    case tokenRights = "token.rights"
    case tokenWritten = "token.written"
    case apiExposure = "api.exposure"
    case apiAnonymous = "api.anonymous"
    case tlsCertificate = "tls.certificate"
    case tlsName = "tls.name"
    case rightsUser = "rights.user"
    case rightsCluster = "rights.cluster"
    case policyWalls = "policy.walls"
    case policyLimits = "policy.limits"
    case policyWidth = "policy.width"
    case policyRuntimes = "policy.runtimes"
    case toolGit = "tool.git"
    case toolSSH = "tool.ssh"
    case toolProgram = "tool.program"
    case clockSync = "clock.sync"
    case clockSkew = "clock.skew"
    case diskRoom = "disk.room"
    case portOwn = "port.own"
    case portEndpoints = "port.endpoints"
    case repoReachable = "repo.reachable"
    case repoManifests = "repo.manifests"
    case clusterReachable = "cluster.reachable"
    case sourceReachable = "source.reachable"
}

/// One line of what `mlctl doctor` says. It never holds a secret.
struct Finding: Hashable, Codable, Sendable {
    enum Severity: String, Codable, CaseIterable, Sendable {
        case ok
        /// There is nothing to look at.
        case notApplicable
        /// Nobody knows. It is never the same as `ok`.
        case notLookedAt
        /// Somebody should look at it.
        case warning
        /// Something does not work, or somebody could do what he must not.
        case problem
    }

    var check: CheckID
    var severity: Severity
    /// What is so, of what, and why it matters.
    var message: String
    /// What to do: where it can be, a command.
    var advice: String?

    static func ok(_ check: CheckID, _ message: String) -> Finding {
        Finding(check: check, severity: .ok, message: message)
    }

    static func notApplicable(_ check: CheckID, _ reason: String) -> Finding {
        Finding(check: check, severity: .notApplicable, message: reason)
    }

    static func notLookedAt(_ check: CheckID, _ reason: String) -> Finding {
        Finding(check: check, severity: .notLookedAt, message: reason)
    }

    static func warning(_ check: CheckID, _ message: String, _ advice: String) -> Finding {
        Finding(check: check, severity: .warning, message: message, advice: advice)
    }

    static func problem(_ check: CheckID, _ message: String, _ advice: String) -> Finding {
        Finding(check: check, severity: .problem, message: message, advice: advice)
    }
}

/// All that was found.
struct Diagnosis: Hashable, Codable, Sendable {
    var findings: [Finding]

    func count(_ severity: Finding.Severity) -> Int { findings.count { $0.severity == severity } }

    /// The settings could not be read: then nothing that hangs on them is known.
    var isBlind: Bool { findings.contains { $0.check == .settingsRead && $0.severity == .problem } }

    /// - Parameter isStrict: warnings count too.
    func exit(isStrict: Bool) -> CommandExit {
        if isBlind { return .wrongUsage }
        return count(.problem) > 0 || (isStrict && count(.warning) > 0) ? .failed : .done
    }
}
