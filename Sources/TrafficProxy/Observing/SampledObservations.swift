import ModelManifests

/// The observations that were drawn for one request.
struct SampledObservations {
    let observations: [PredictionObservation]
    private let reader: BodyReader

    init(_ observations: [PredictionObservation], reader: BodyReader) {
        self.observations = observations
        self.reader = reader
    }

    var isEmpty: Bool { observations.isEmpty }

    func look(at subject: PredictionObservation.Subject) -> Bool { observations.contains { $0.subject == subject } }

    /// Queues the body for reading outside the event loop. The values are counted at the instance.
    func read(_ body: CopiedBody, subject: PredictionObservation.Subject, at instance: Instance) {
        let tallies = observations.compactMap { observation in
            observation.subject == subject ? instance.tallies.tally(of: observation) : nil
        }
        guard !tallies.isEmpty else { return }
        let isTaken = reader.submit(bytes: body.byteCount) {
            let payload = body.payload
            for tally in tallies { tally.read(payload) }
        }
        if !isTaken { for tally in tallies { tally.miss(.noRoom) } }
    }

    /// Reads an answer. Only 2xx answers contain predictions.
    func read(_ answer: CopiedAnswer, at instance: Instance) {
        if answer.status / 100 == 2 { read(answer.body.readable, subject: .answer, at: instance) }
    }
}
