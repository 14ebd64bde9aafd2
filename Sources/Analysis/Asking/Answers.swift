/// What a source answered when it was asked for one value.
package enum Measured: Hashable, Codable, Sendable {
    /// - Parameter remark: a warning that the source gave with the value.
    case value(Double, remark: String? = nil)
    /// The source answered without a value: an empty result, or not a number. With the reason.
    case noData(String)
    /// The source could not be asked, or its answer could not be understood. Counted separately; never a verdict.
    case error(String)
}

/// The result of a check's command.
package struct CheckOutcome: Hashable, Codable, Sendable {
    package enum End: Hashable, Codable, Sendable {
        case exited(Int)
        /// It did not end in time, was ended by a signal, or could not be started. Decides nothing.
        case undecided(String)
    }

    package var end: End
    /// The numbers in the last line of its output, by name.
    package var metrics: [String: Double]
    /// The end of its output, for people.
    package var outputTail: String
    /// The file that holds the output, up to the size limit.
    package var outputFile: String?

    package init(end: End, metrics: [String: Double] = [:], outputTail: String = "", outputFile: String? = nil) {
        self.end = end
        self.metrics = metrics
        self.outputTail = outputTail
        self.outputFile = outputFile
    }
}

/// A model's inputs and outputs, as the Open Inference Protocol v2 describes them.
package struct ModelContract: Hashable, Codable, Sendable {
    package struct Tensor: Hashable, Codable, Sendable {
        package var name: String
        /// For example `FP32` or `BYTES`.
        package var datatype: String
        /// -1 stands for any size.
        package var shape: [Int]

        package init(name: String, datatype: String, shape: [Int]) {
            self.name = name
            self.datatype = datatype
            self.shape = shape
        }
    }

    package var inputs: [Tensor]
    package var outputs: [Tensor]

    package init(inputs: [Tensor], outputs: [Tensor]) {
        self.inputs = inputs
        self.outputs = outputs
    }
}

/// The contracts of both sides, or why one could not be read.
package enum ContractAnswer: Hashable, Codable, Sendable {
    case read(stable: ModelContract, candidate: ModelContract)
    case unreadable(String)
}
