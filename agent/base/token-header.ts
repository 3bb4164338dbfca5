/** What the token is given in. The API server's proxy strips `Authorization`. */
export const TOKEN_HEADER = "x-internode-token";
