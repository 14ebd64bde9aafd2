/// The bucket is in another region than the one that was asked.
struct WrongRegion: Error, Hashable {
    var region: String
}

/// An answer of S3 that brings no object. Pure.
struct S3Refusal: Hashable, Sendable {
    var head: ResponseHead
    var failure: S3Failure
    var region: String

    /// - Parameter isSigned: whether keys were found.
    /// - Returns: nil where the status says enough.
    func error(of location: S3Location, isSigned: Bool) -> (any Error)? {
        if [301, 400].contains(head.status), let there = head.bucketRegion ?? failure.region, there != region {
            return WrongRegion(region: there)
        }
        let (code, message): (StorageError.Code, String)
        switch failure.code {
        case "NoSuchBucket":
            (code, message) = (.notFound, "There is no bucket '\(location.bucket)'. Check its name, and the endpoint.")
        case "NoSuchVersion":
            (code, message) = (.notFound, "\(location) has no version '\(location.version ?? "")'. Check ?versionId=.")
        case "ExpiredToken", "TokenRefreshRequired":
            (code, message) = (
                .unauthorized, "The AWS session token for \(location) has expired. Set new temporary keys."
            )
        case "InvalidToken":
            (code, message) = (
                .unauthorized,
                "The AWS session token for \(location) is not valid. Set the token that belongs to the keys."
            )
        case "InvalidAccessKeyId":
            (code, message) = (
                .unauthorized,
                "The store does not know the access key id for \(location). Check AWS_ACCESS_KEY_ID or the profile."
            )
        case "SignatureDoesNotMatch":
            (code, message) = (
                .unauthorized,
                "The secret key for \(location) does not belong to its access key id. Check AWS_SECRET_ACCESS_KEY."
            )
        case "RequestTimeTooSkewed":
            (code, message) = (
                .unauthorized, "The clock of this machine differs too much from that of \(location)'s server. Set it."
            )
        case "InvalidObjectState":
            (code, message) = (
                .unauthorized, "An object of \(location) is in an archive tier of S3. Restore it before it is served."
            )
        default:
            guard head.status == 401 || head.status == 403 else { return nil }
            (code, message) = (
                .unauthorized,
                isSigned
                    ? "\(location) may not be read with these keys (\(head.status)). They need s3:ListBucket and "
                        + "s3:GetObject."
                    : "\(location) may not be read without keys, and none are set (\(head.status)). Set AWS_ACCESS_KEY_ID "
                        + "and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials."
            )
        }
        return StorageError(code, message)
    }
}
