/// Which files are trusted. As with ssh: nobody else may be able to change or replace them. Pure.
struct TrustRules: Hashable, Sendable {
    /// The user of this process.
    var user: UInt32
    /// The user's own group, if it has no other members: its permissions give nothing to others.
    var privateGroup: UInt32?
    /// All groups of this process.
    var groups: Set<UInt32>
    /// The owner of `/`, who can do everything here: root, whatever its number is in this user namespace.
    var machineOwner: UInt32 = 0
    /// In a pod, volumes belong to root and are open to everybody, but only the pod's containers can use them.
    var isInPod = false

    /// The purpose of a file.
    enum Use: Hashable, Sendable {
        /// A folder above the file.
        case way
        /// The state folder, from which mlctl reads commands and runs them.
        case stateFolder
        /// A file that configures mlctl: settings, certificates.
        case settings
        /// A file that contains a secret.
        case secret
    }

    /// - Returns: nil where the file is trusted.
    func problem(with facts: FileFacts, at path: String, as use: Use) -> TrustProblem? {
        func problem(_ reason: String, _ advice: String) -> TrustProblem {
            TrustProblem(path: path, reason: reason, advice: advice)
        }
        if use == .settings || use == .secret, facts.kind != .file {
            return problem("it is not a regular file", "Give a regular file")
        }
        if use == .stateFolder, facts.kind != .folder {
            return problem("it is not a folder", "Choose another --state-dir")
        }
        if isPodVolume(facts) { return nil }
        guard isTrusted(facts.owner, as: use) else {
            let verb = use == .way ? "What is in it" : "It"
            return problem(
                "it belongs to user \(facts.owner), but this is user \(user)",
                "\(verb) could be changed by that user: chown \(user) \(path), or choose another place")
        }
        switch use {
        case .way:
            guard canOthersWrite(facts, exceptPrivateGroup: true), !facts.isSticky else { return nil }
            return problem(
                "others may write to this folder (mode \(facts.octalMode)), so they could replace its files",
                "chmod go-w \(path)")
        case .stateFolder:
            guard canOthersWrite(facts, exceptPrivateGroup: false) else { return nil }
            return problem(
                "others may write to the state folder (mode \(facts.octalMode)), so mlctl could run their programs",
                "Check its files; then: chmod 700 \(path)")
        case .settings:
            guard canOthersWrite(facts, exceptPrivateGroup: true) else { return nil }
            return problem("others may write to it (mode \(facts.octalMode))", "chmod go-w \(path)")
        case .secret:
            return secretProblem(facts).map { problem($0, "chmod 600 \(path)") }
        }
    }

    /// - Parameters:
    ///   - facts: the properties of a link on the path.
    func problem(withLink facts: FileFacts, at path: String) -> TrustProblem? {
        guard !isTrusted(facts.owner, as: .way) else { return nil }
        return TrustProblem(
            path: path, reason: "this link belongs to user \(facts.owner), who could point it to another place",
            advice: "Give the path that it points to")
    }

    private func isTrusted(_ owner: UInt32, as use: Use) -> Bool {
        owner == user || owner == 0 || owner == machineOwner
    }

    private func canOthersWrite(_ facts: FileFacts, exceptPrivateGroup: Bool) -> Bool {
        if facts.isOpenToOthersWriting { return true }
        guard facts.isOpenToGroupWriting else { return false }
        return !(exceptPrivateGroup && facts.group == privateGroup)
    }

    private func isPodVolume(_ facts: FileFacts) -> Bool {
        isInPod && facts.isMountPoint && facts.kind == .folder && (facts.owner == 0 || facts.owner == machineOwner)
    }

    private func secretProblem(_ facts: FileFacts) -> String? {
        let mode = "(mode \(facts.octalMode))"
        if facts.mode & 0o007 != 0 { return "everybody may read or change this secret \(mode)" }
        if facts.isOpenToGroupWriting { return "its group may change this secret \(mode)" }
        // Files of root for a group of this process are accepted: a pod and /etc provide secrets like this.
        let isGiven = facts.owner != user && groups.contains(facts.group)
        if facts.mode & 0o070 != 0, !isGiven { return "its group may read this secret \(mode)" }
        return nil
    }
}
