import KubernetesClient

/// Decides when to probe the API server, and remembers whether the probe was answered. Pure.
///
/// A silent watch proves nothing: there may be no changes, or no server. So after some silence the server is asked for its
/// version, which is cheap.
struct ServerSilence: Sendable {
    /// After this much silence the server is probed.
    static let patience = Duration.seconds(3)
    /// The timeout of one probe.
    static let questionLimit = Duration.seconds(3)

    /// Why the last probe had no answer; nil if it had one, or if the server sent something since.
    private(set) var reason: String?
    private var askedAt: Duration?
    private var isAsking = false

    /// - Parameter heardAt: when the server last sent anything; nil if it never did, which is reported elsewhere.
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
    /// Why the cluster's state is out of date: a watch of pods or workloads is interrupted, or the server does not answer.
    package func outage() async -> String? {
        if let failure = views.workloads.failure ?? views.pods.failure {
            return ClusterServingError(failure, about: "the cluster cannot be watched").message
        }
        return silence.reason
    }

    /// Probes the server if it was silent for a while.
    package func reach() async -> String? {
        let heardAt = [views.workloads.lastContactAt, views.pods.lastContactAt].compactMap(\.self).max()
        if silence.mustAsk(heardAt: heardAt, now: api.stopwatch.elapsed()) {
            let failure = await unanswered()
            silence.answered(failure, now: api.stopwatch.elapsed())
        }
        return await outage()
    }

    /// - Returns: why there is no answer. Any answer counts, a refusal too.
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
