using System.Security.Cryptography;
using System.Text;

namespace BackupTool.Services.Maubot;

/// <summary>
/// Makes the tokens that maubot's management interface takes: whoever knows <c>server.unshared_secret</c> needs no password. The format is that of mautrix'
/// signed_token.py, the payload that of maubot's management/api/auth.py; maubot gives them no end.
/// </summary>
public static class MaubotToken
{
    /// <summary>The administrator that every maubot has, listed in <c>admins</c> or not; nobody can log in as root with a password.</summary>
    public const string Root = "root";

    /// <summary>Signs a token: <c>base64url(HMAC-SHA-256(secret, payload)):payload</c>, where the payload is base64url of JSON, signed with its padding and sent without.</summary>
    /// <param name="unsharedSecret">What the running maubot has as <c>server.unshared_secret</c>.</param>
    /// <param name="user">An administrator.</param>
    /// <param name="createdAt">For whoever reads the token; maubot does not judge by it.</param>
    public static SecretText Sign(SecretText unsharedSecret, string user, DateTimeOffset createdAt)
    {
        ArgumentNullException.ThrowIfNull(unsharedSecret);
        byte[] json = MaubotJson.Serialize(new TokenPayload(user, createdAt.ToUnixTimeSeconds()), MaubotJson.Default.TokenPayload);
        string payload = Base64Url(json);
        byte[] checksum = HMACSHA256.HashData(Encoding.UTF8.GetBytes(unsharedSecret.Reveal()), Encoding.ASCII.GetBytes(payload));
        return new SecretText($"{Base64Url(checksum).TrimEnd('=')}:{payload.TrimEnd('=')}");
    }

    private static string Base64Url(byte[] bytes) => Convert.ToBase64String(bytes).Replace('+', '-').Replace('/', '_');
}
