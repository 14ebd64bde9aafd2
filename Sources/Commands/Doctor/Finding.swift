/// The checks of `mlctl doctor`. Scripts use these names, so they never change.
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

/// One result of `mlctl doctor`. It never contains a secret.
struct Finding: Hashable, Codable, Sendable {
    enum Severity: String, Codable, CaseIterable, Sendable {
        case ok
        /// There is nothing to check.
        case notApplicable
        /// The result is unknown. This is never the same as `ok`.
        case notLookedAt
        /// Somebody should look at it.
        case warning
        /// Something does not work, or somebody can do what they must not.
        case problem
    }

    var check: CheckID
    var severity: Severity
    /// What was found, where, and why it matters.
    var message: String
    /// What to do; a command where possible.
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

/// All findings.
struct Diagnosis: Hashable, Codable, Sendable {
    var findings: [Finding]

    func count(_ severity: Finding.Severity) -> Int { findings.count { $0.severity == severity } }

    /// The settings could not be read, so nothing that depends on them is known.
    var isBlind: Bool { findings.contains { $0.check == .settingsRead && $0.severity == .problem } }

    /// - Parameter isStrict: warnings count as failures too.
    func exit(isStrict: Bool) -> CommandExit {
        if isBlind { return .wrongUsage }
        return count(.problem) > 0 || (isStrict && count(.warning) > 0) ? .failed : .done
    }
}
