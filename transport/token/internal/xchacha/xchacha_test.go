package xchacha

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const sunscreen = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."

// draft-irtf-cfrg-xchacha-03, section 2.2.1.
func TestSubkeyIsThatOfTheDraft(t *testing.T) {
	key := [KeySize]byte(unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))
	got := subkey(&key, unhex(t, "000000090000004a0000000031415927"))
	if want := unhex(t, "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"); !bytes.Equal(got[:], want) {
		t.Errorf("%x, not %x", got, want)
	}
}

// RFC 8439, section 2.3.2.
func TestBlockIsThatOfTheRFC(t *testing.T) {
	key := [KeySize]byte(unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))
	s := newChacha(&key, [4]uint32{1, 0x09000000, 0x4a000000, 0})
	want := unhex(t, `10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e
		d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e`)
	if got := s.block(); !bytes.Equal(got[:], want) {
		t.Errorf("%x, not %x", got, want)
	}
}

// RFC 8439, section 2.8.2: the tag of an AEAD whose text does not end with a block.
func TestTagIsThatOfTheRFC(t *testing.T) {
	text := unhex(t, `d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
		3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
		92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
		3ff4def08e4b7a9de576d26586cec64b6116`)
	oneTime := unhex(t, "7bac2b252db447af09b67a55a4e955840ae1d6731075d9eb2a9375783ed553ff")
	got := authenticate(oneTime, text, unhex(t, "50515253c0c1c2c3c4c5c6c7"))
	if want := unhex(t, "1ae10b594f09e26a7e902ecbd0600691"); !bytes.Equal(got[:], want) {
		t.Errorf("%x, not %x", got, want)
	}
}

// RFC 8439, appendix A.3, vectors 7 to 11, with sums at the edges of the modulus.
func TestSumsAtTheEdgesOfTheModulus(t *testing.T) {
	const pad = "00000000000000000000000000000000"
	for _, v := range []struct{ r, s, data, tag string }{
		{"02000000000000000000000000000000", pad, "ffffffffffffffffffffffffffffffff", "03000000000000000000000000000000"},
		{"02000000000000000000000000000000", "ffffffffffffffffffffffffffffffff", "02000000000000000000000000000000", "03000000000000000000000000000000"},
		{"01000000000000000000000000000000", pad, "ffffffffffffffffffffffffffffffff f0ffffffffffffffffffffffffffffff 11000000000000000000000000000000", "05000000000000000000000000000000"},
		{"01000000000000000000000000000000", pad, "ffffffffffffffffffffffffffffffff fbfefefefefefefefefefefefefefefe 01010101010101010101010101010101", "00000000000000000000000000000000"},
		{"02000000000000000000000000000000", pad, "fdffffffffffffffffffffffffffffff", "faffffffffffffffffffffffffffffff"},
		{"01000000000000000400000000000000", pad, "e33594d7505e43b900000000000000003394d7505e4379cd01000000000000000000000000000000000000000000000001000000000000000000000000000000", "14000000000000005500000000000000"},
		{"01000000000000000400000000000000", pad, "e33594d7505e43b900000000000000003394d7505e4379cd010000000000000000000000000000000000000000000000", "13000000000000000000000000000000"},
	} {
		p := newPoly(unhex(t, v.r+v.s))
		p.write(unhex(t, v.data))
		if got := p.tag(); !bytes.Equal(got[:], unhex(t, v.tag)) {
			t.Errorf("of %s: %x, not %s", v.data, got, v.tag)
		}
	}
}

// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
func sealedSunscreen(t *testing.T) (key [KeySize]byte, nonce [NonceSize]byte, text, tag, additional []byte) {
	return [KeySize]byte(unhex(t, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")),
		[NonceSize]byte(unhex(t, "404142434445464748494a4b4c4d4e4f5051525354555657")),
		unhex(t, `bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
			731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
			2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
			21f9664c97637da9768812f615c68b13b52e`),
		unhex(t, "c0875924c1c7987947deafd8780acf49"),
		unhex(t, "50515253c0c1c2c3c4c5c6c7")
}

func TestOpensWhatTheDraftHasSealed(t *testing.T) {
	key, nonce, text, tag, additional := sealedSunscreen(t)
	plain, ok := Open(&key, &nonce, text, tag, additional)
	if !ok || string(plain) != sunscreen {
		t.Errorf("%q, %v", plain, ok)
	}
}

func TestAChangedBitOpensNothing(t *testing.T) {
	key, nonce, text, tag, additional := sealedSunscreen(t)
	for name, part := range map[string][]byte{
		"key": key[:], "nonce": nonce[:], "text": text, "tag": tag, "additional data": additional,
	} {
		for i := range part {
			for _, flip := range []byte{1, 0x80} {
				part[i] ^= flip
				if _, ok := Open(&key, &nonce, text, tag, additional); ok {
					t.Errorf("opened with byte %d of the %s changed", i, name)
				}
				part[i] ^= flip
			}
		}
	}
	for n := range tag {
		if _, ok := Open(&key, &nonce, text, tag[:n], additional); ok {
			t.Errorf("opened with a tag of %d bytes", n)
		}
	}
}
