/// Identifies the sender of a request from the request's head and its connection.
struct Authenticator: Sendable {
    enum Outcome: Sendable {
        case proved(ControlContext.Proof)
        /// It contained no credentials.
        case nothing
        /// The credentials are not valid. The sender gets the reason and a new challenge.
        case rejected(String)
        /// The signature is valid, but there is no room to record its nonce.
        case busy(String)
    }

    let register: TokenRegistry
    let challenges: Challenges

    /// - Parameters:
    ///   - target: path and query as in the request line.
    ///   - localUser: the user of the process at the other end, for connections over the local socket.
    func authenticate(method: String, target: String, authorization: String?, localUser: String?) -> Outcome {
        guard let authorization else {
            return localUser.map { .proved(.localUser(.localUser($0))) } ?? .nothing
        }
        if let signature = RequestSignature(authorization: authorization) {
            return check(signature, method: method, target: target)
        }
        guard authorization.prefix(7).lowercased() == "bearer ",
            let key = register.current.key(matching: String(authorization.dropFirst(7)))
        else { return .rejected("this controller does not know the token: check --token or MLCTL_TOKEN") }
        return .proved(.token(key))
    }

    private func check(_ signature: RequestSignature, method: String, target: String) -> Outcome {
        guard challenges.isFresh(signature.challenge) else {
            return .rejected("the request's challenge is too old or from another controller: sign the request again")
        }
        let text = signature.text(method: method, target: target)
        guard let key = register.current.key(signing: text, as: signature.code) else {
            return .rejected("the request was not signed with a token of this controller: check --token or MLCTL_TOKEN")
        }
        switch challenges.use(signature.nonce, with: signature.challenge) {
        case nil: return .proved(.signature(signature, key))
        case .repeated, .stale:
            return .rejected("the request was sent before: each signed request is carried out only once")
        case .exhausted: return .busy("too many signed requests in ten minutes: try again later, or use TLS")
        }
    }
}
