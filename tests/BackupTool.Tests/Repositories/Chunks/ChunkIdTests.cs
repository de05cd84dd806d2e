using System.Security.Cryptography;
using System.Text;
using BackupTool.Repositories.Chunks;
using CsCheck;

namespace BackupTool.Tests.Repositories.Chunks;

public class ChunkIdTests
{
    [Fact]
    public void Is_the_sha256_of_the_plaintext() =>
        new ChunkHasher().Compute("abc"u8).ToString().Should().Be("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

    [Fact]
    public void Is_the_hmac_sha256_of_the_plaintext_under_the_id_key_of_a_sealed_repository()
    {
        byte[] key = [.. Enumerable.Repeat((byte)0x0b, 20)];   // RFC 4231, test case 1
        new ChunkHasher(key).Compute("Hi There"u8).ToString().Should().Be("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    [Fact]
    public void Bytes_and_digits_come_back_as_they_were() => Gen.Byte.Array[32].Sample(
        digest =>
        {
            var id = new ChunkId(digest);
            byte[] bytes = new byte[32], text = new byte[64];
            id.CopyTo(bytes);
            id.FormatTo(text);
            bytes.Should().Equal(digest);
            Encoding.ASCII.GetString(text).Should().Be(Convert.ToHexStringLower(digest)).And.Be(id.ToString());
            ChunkId.Parse(id.ToString()).Should().Be(id);
            ChunkId.TryParse(text, out ChunkId parsed).Should().BeTrue();
            parsed.Should().Be(id);
        },
        iter: 200);

    [Fact]
    public void Differs_where_any_byte_differs()
    {
        byte[] digest = SHA256.HashData("x"u8);
        var id = new ChunkId(digest);
        for (int i = 0; i < 32; i++)
        {
            byte[] other = [.. digest];
            other[i] ^= 1;
            new ChunkId(other).Should().NotBe(id);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a")]
    [InlineData("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0")]
    [InlineData("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData(" a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("éa7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a")]
    public void Refuses_what_is_not_64_lower_case_digits(string text)
    {
        ChunkId.TryParse(Encoding.UTF8.GetBytes(text), out _).Should().BeFalse();
        FluentActions.Invoking(() => ChunkId.Parse(text)).Should().Throw<FormatException>();
    }
}
