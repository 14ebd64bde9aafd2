import KubernetesClient

/// What is known of whether the API server answers. Pure.
///
/// A watch of which nothing is heard says nothing: there may be nothing to tell, or nobody to tell it. So a server that has
/// been silent for a while is asked for its version, which costs it nothing.
struct ServerSilence: Sendable {
    /// Longer silence is asked about.
    static let patience = Duration.seconds(3)
    /// Of one question.
    static let questionLimit = Duration.seconds(3)

    /// Why the last question had no answer; nil where it had one, or something was heard since.
    private(set) var reason: String?
    private var askedAt: Duration?
    private var isAsking = false

    /// - Parameter heardAt: when the server last said anything; nil: it never did, which is another trouble.
    mutating func mustAsk(heardAt: Duration?, now: Duration) -> Bool {
        guard let heardAt, !isAsking else { return false }
        if heardAt > askedAt ?? .zero { reason = nil }
        guard reason != nil || now - max(heardAt, askedAt ?? .zero) >= Self.patience else { return false }
        isAsking = true
        return true
    }

    mutating func answered(_ failure: String?, now: Duration) {
        isAsking = false
        askedAt = now
        reason = failure
    }
}

extension ClusterBackend {
    /// The watches of pods and workloads tell: one of them that is cut off shows a cluster as it was. So does a server that
    /// does not answer.
    public func outage() async -> String? {
        if let failure = views.workloads.failure ?? views.pods.failure {
            return ClusterServingError(failure, about: "the cluster cannot be watched").message
        }
        return silence.reason
    }

    /// Asks the server where it has said nothing for a while.
    public func reach() async -> String? {
        let heardAt = [views.workloads.lastContactAt, views.pods.lastContactAt].compactMap(\.self).max()
        if silence.mustAsk(heardAt: heardAt, now: api.stopwatch.elapsed()) {
            let failure = await unanswered()
            silence.answered(failure, now: api.stopwatch.elapsed())
        }
        return await outage()
    }

    /// - Returns: why there is no answer; whatever is answered, a refusal too, is one.
    private func unanswered() async -> String? {
        do {
            _ = try await api.transport.send(APIRequest(.get, "/version"), timeout: ServerSilence.questionLimit)
            return nil
        } catch let error as APIError {
            return ClusterServingError(error, about: "the API server does not answer").message
        } catch {
            return nil  // Cancelled.
        }
    }
}
