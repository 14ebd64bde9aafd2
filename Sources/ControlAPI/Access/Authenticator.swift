/// Finds out who sent a request, from its head and from the connection that it came by.
struct Authenticator: Sendable {
    enum Outcome: Sendable {
        case proved(ControlContext.Proof)
        /// It gave nothing that could prove anything.
        case nothing
        /// What it gave proves nothing. Said to the sender, with a new challenge.
        case rejected(String)
        /// It is genuine, and there is no room to see whether it comes for the first time.
        case busy(String)
    }

    let register: AccessRegister
    let challenges: Challenges

    /// - Parameters:
    ///   - target: path and query as they stand in the request's first line.
    ///   - localUser: whose process is at the other end, where the connection is the local socket's.
    func authenticate(method: String, target: String, authorization: String?, localUser: String?) -> Outcome {
        guard let authorization else {
            return localUser.map { .proved(.localUser(.localUser($0))) } ?? .nothing
        }
        if let signature = RequestSignature(authorization: authorization) {
            return check(signature, method: method, target: target)
        }
        guard authorization.prefix(7).lowercased() == "bearer ",
            let key = register.current.key(matching: String(authorization.dropFirst(7)))
        else { return .rejected("the token is not one of this controller's: check --token or MLCTL_TOKEN") }
        return .proved(.token(key))
    }

    private func check(_ signature: RequestSignature, method: String, target: String) -> Outcome {
        guard challenges.isFresh(signature.challenge) else {
            return .rejected("the request's challenge is not this controller's, or too old: sign it again")
        }
        let text = signature.text(method: method, target: target)
        guard let key = register.current.key(signing: text, as: signature.code) else {
            return .rejected("no token of this controller signed the request: check --token or MLCTL_TOKEN")
        }
        switch challenges.use(signature.nonce, with: signature.challenge) {
        case nil: return .proved(.signature(signature, key))
        case .repeated, .stale: return .rejected("the request was sent before: it is carried out once")
        case .exhausted: return .busy("too many signed requests in ten minutes: try again later, or use TLS")
        }
    }
}
