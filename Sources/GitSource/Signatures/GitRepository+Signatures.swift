extension GitRepository {
    /// Where a signature is required, only a commit that has one is used, and is remembered as such.
    func verify(_ commit: String, from wanted: WantedObject) async throws {
        guard let check = signatureCheck else { return }
        let signer = try await check.requireSignature(of: commit, from: wanted)
        logger.info("the commit is signed", metadata: ["commit": "\(commit)", "signer": "\(signer)"])
        try await mirror.remember(wanted, as: GitMirror.verifiedName(of: wanted))
    }

    /// The commit that the mirror has of a reference: where a signature is required, the last one that had it and has it still.
    func lastVerified(_ wanted: WantedObject) async throws -> String? {
        guard let check = signatureCheck else { return try await mirror.commit(GitMirror.name(of: wanted)) }
        let name = GitMirror.verifiedName(of: wanted)
        guard let commit = try await mirror.commit(name), let object = try await mirror.object(name) else { return nil }
        do {
            _ = try await check.requireSignature(
                of: commit, from: WantedObject(reference: wanted.reference, id: object))
            return commit
        } catch let error as GitError where error.code == .unsigned {
            logger.warning(
                "the last commit that was read is no longer accepted", metadata: ["reason": "\(error.message)"])
            return nil
        }
    }

    private var signatureCheck: SignatureCheck? {
        configuration.signatures.map {
            SignatureCheck(rule: $0, git: git, mirror: mirror, timeout: configuration.timeouts.read)
        }
    }
}
